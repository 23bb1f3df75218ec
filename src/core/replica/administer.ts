import { bytesToHex, type CommitId, type MachineId, type SpaceId } from '../ids.ts';
import { encodeControl, type ControlPayload, type MemberEntry, type Role } from '../log/control.ts';
import { currentEpoch, isOwner } from '../log/membership.ts';
import { EMPTY_HEAD, sealRecord, type LogRecord } from '../log/record.ts';
import { createSpaceKeys, epochCommitment, type SpaceSecrets } from '../crypto/space-keys.ts';
import type { Remote } from '../ports/remote.ts';
import type { Replica } from './replica.ts';
import { openText, sealText } from './sealed-text.ts';
import { encodeSecrets, openSecrets } from './secrets.ts';
import { toStored } from './chain.ts';
import { pull } from './pull.ts';

/** The caller is no owner of the space, or the space does not allow what was asked. Nothing was changed. */
export class NotAllowed extends Error {
  override readonly name = 'NotAllowed';
}

/** The log goes on at another home since what was just read of it: nobody there would read what is appended here. */
export class HomeMoved extends NotAllowed {
  constructor() {
    super('the home of this space has moved meanwhile: try again');
  }
}

const ATTEMPTS = 20;

/**
 * Appends a control record, made anew behind each new head. `make` sees the membership as it is then, and may answer
 * null when nothing is left to do. Throws {@link NotAllowed}, {@link HomeMoved}, RemoteError. Needs the home remote: control records
 * are never drafted.
 */
export async function appendControl(
  replica: Replica,
  remote: Remote,
  make: () => Promise<ControlPayload | null>,
): Promise<LogRecord | null> {
  const { term: before } = replica;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const pulled = await pull(replica, remote);
    if (pulled.divergence !== null) throw new NotAllowed(`the remote's log is not followed: ${pulled.divergence.type}`);
    const { membership, machine, space } = replica;
    if (!isOwner(membership, machine)) throw new NotAllowed('only an owner of the space may do this');
    const payload = await make();
    if (payload === null) return null;
    if (before !== null && replica.term !== before) throw new HomeMoved();
    const head = (await replica.head()) ?? EMPTY_HEAD;
    const term = payload.op === 'move' ? payload.term : head.term;
    const record = sealRecord(
      {
        type: 'control',
        space,
        id: bytesToHex(replica.deps.random.bytes(16)) as CommitId,
        position: head.position + 1,
        previous: head.hash,
        term,
        keyId: currentEpoch(membership).number,
        // What an erase puts in place of a bundle is durable before it, like any object that a record names.
        objects: payload.op === 'erase' ? payload.replaced.map((pair) => pair.to) : [],
        previousControl: membership.lastControl,
      },
      encodeControl(payload),
      replica.deps.machine.key,
    );
    const outcome = await remote.append(space, head, { records: [record], objects: [] });
    if (outcome.type !== 'appended') continue;
    await replica.deps.store.write(async (tx) => {
      const now = (await tx.logs.head(space)) ?? EMPTY_HEAD;
      if (now.hash === head.hash) await tx.logs.append(space, head, [toStored(record)]);
    });
    await replica.catchUp();
    return record;
  }
  throw new NotAllowed('the space is too busy: others were faster twenty times');
}

export interface NewMember {
  readonly machine: MachineId;
  readonly recipient: string;
  readonly role: Role;
  readonly account: SpaceId | null;
  readonly name: string;
}

/** Adds a machine and hands it the space's keys. Idempotent for a machine listed with the same role and recipient. */
export function addMember(replica: Replica, remote: Remote, member: NewMember): Promise<LogRecord | null> {
  return appendControl(replica, remote, async () => {
    const known = replica.membership.members.get(member.machine);
    if (known !== undefined && known.role === member.role && known.recipient === member.recipient) return null;
    const secrets = await ownSecrets(replica);
    const envelope = await replica.deps.wrapping.wrap(encodeSecrets(secrets), member.recipient);
    return { op: 'member', member: await entryOf(replica, member), envelope };
  });
}

/** Changes what a member may do. */
export function changeRole(replica: Replica, remote: Remote, machine: MachineId, role: Role): Promise<LogRecord | null> {
  return appendControl(replica, remote, async () => {
    const known = replica.membership.members.get(machine);
    if (known === undefined) throw new NotAllowed('no such member');
    if (known.role === role) return null;
    return { op: 'member', member: { ...known, role }, envelope: new Uint8Array(0) };
  });
}

/** Changes what a member is called. */
export function renameMember(replica: Replica, remote: Remote, machine: MachineId, name: string): Promise<LogRecord | null> {
  return appendControl(replica, remote, async () => {
    const known = replica.membership.members.get(machine);
    if (known === undefined) throw new NotAllowed('no such member');
    const { space, keyId, keys, deps } = replica;
    if ((await openText(known.sealedName, space, keys, deps.compression)) === name) return null;
    return { op: 'member', member: { ...known, sealedName: await sealText(name, space, keyId, keys, deps) }, envelope: new Uint8Array(0) };
  });
}

/**
 * Removes machines and begins a new epoch. Protects only what is written from here on: what they could read, they
 * keep. Cost: an envelope a remaining member.
 */
export function revoke(replica: Replica, remote: Remote, machines: readonly MachineId[]): Promise<LogRecord | null> {
  return appendControl(replica, remote, async () => {
    const { membership, deps } = replica;
    const removed = machines.filter((machine) => membership.members.has(machine));
    if (removed.length === 0 && machines.length > 0) return null;
    if (removed.includes(replica.machine)) throw new NotAllowed('a machine does not revoke itself; use: satchel leave');
    const number = currentEpoch(membership).number + 1;
    const key = deps.random.bytes(32);
    const before = await ownSecrets(replica);
    const secrets: SpaceSecrets = { spaceKey: before.spaceKey, epochKeys: new Map(before.epochKeys).set(number, key) };
    const plain = encodeSecrets(secrets);
    const envelopes: { [holder: string]: Uint8Array } = { recovery: await deps.wrapping.wrap(plain, membership.recovery.recipient) };
    for (const member of membership.members.values()) {
      if (!removed.includes(member.machine)) envelopes[member.machine] = await deps.wrapping.wrap(plain, member.recipient);
    }
    return { op: 'epoch', removed, epoch: { number, commitment: epochCommitment(key), envelopes } };
  });
}

async function entryOf(replica: Replica, member: NewMember): Promise<MemberEntry> {
  const { space, keyId, keys, deps } = replica;
  return {
    machine: member.machine,
    recipient: member.recipient,
    role: member.role,
    account: member.account,
    sealedName: await sealText(member.name, space, keyId, keys, deps),
  };
}

/** This machine's secrets of the space, from its envelope. Throws {@link NotAllowed} where it holds none. */
export async function ownSecrets(replica: Replica): Promise<SpaceSecrets> {
  const { machine, wrapping } = replica.deps;
  const secrets = await openSecrets(replica.membership, machine.key.machine, machine.identity, wrapping);
  if (secrets === null || createSpaceKeys(secrets).epoch(replica.keyId) === undefined)
    throw new NotAllowed('this machine holds no key of the current epoch');
  return secrets;
}
