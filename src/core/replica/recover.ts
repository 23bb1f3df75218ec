import { equalBytes } from '../crypto/hash.ts';
import { bytesToHex, type CommitId, type SpaceId } from '../ids.ts';
import { controlHistory, type ControlEvent } from '../log/control-history.ts';
import { encodeControl } from '../log/control.ts';
import { currentEpoch } from '../log/membership.ts';
import { decodeRecord, EMPTY_HEAD, sealRecord } from '../log/record.ts';
import type { KeyWrapping } from '../ports/key-wrapping.ts';
import type { Remote } from '../ports/remote.ts';
import { createSpaceKeys, type SpaceSecrets } from '../crypto/space-keys.ts';
import { NotAllowed, appendControl, ownSecrets } from './administer.ts';
import type { ReplicaDeps } from './deps.ts';
import { createRecoveryKey, genesisProof, replacementProof, type RecoveryKey } from './recovery-key.ts';
import type { Replica } from './replica.ts';
import { encodeSecrets, openSecrets, proofIn } from './secrets.ts';
import { openText, sealText } from './sealed-text.ts';
import { pull } from './pull.ts';

const ATTEMPTS = 20;
/** Recoveries that one after the other were begun at an old home, and never ended. */
const LOOKED_AT_BEHIND = 64;

/** The remote holds what the log was before it moved: what is appended there, nobody at its home would ever read. */
export class HomeElsewhere extends NotAllowed {
  /** As the move record says it. */
  readonly descriptor: string;
  /** Of the move record. */
  readonly position: number;
  constructor(descriptor: string, position: number) {
    super(`the log was moved away from there with record ${position}`);
    this.descriptor = descriptor;
    this.position = position;
  }
}

export interface RecoverAs {
  /** Is told the names of the other members, in lower case, and says what this machine is called; without it, its own name. */
  readonly nameAmong?: (taken: ReadonlySet<string>) => string;
  /** Whether `remote` is the home that the last move names. Without it nobody looks. */
  readonly isHome?: (descriptor: string) => Promise<boolean>;
}

/**
 * Makes this machine an owner of a space by its recovery key: brings the log, proves that the space is the one that
 * the key was made for, and appends a member record signed by the key. `remote` is opened as the recovery signer.
 * Idempotent. Throws {@link NotAllowed} for a key or space that do not belong together, {@link HomeElsewhere}, RemoteError.
 */
export async function recover(replica: Replica, remote: Remote, recovery: RecoveryKey, as: RecoverAs = {}): Promise<void> {
  const { deps, space } = replica;
  const { machine, wrapping } = deps;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const pulled = await pull(replica, remote);
    if (pulled.divergence !== null) throw new NotAllowed(`the remote's log cannot be followed: ${pulled.divergence.type}`);
    const events = controlHistory(await deps.store.read((tx) => tx.logs.controls(space, 0)));
    const membership = events.at(-1)?.after;
    if (membership === undefined) throw new NotAllowed('the remote has no log of this space');
    if (membership.recovery.signer !== recovery.key.machine)
      throw new NotAllowed('this recovery key is not, or no longer, the one of this space');
    if (!(await isProven(events, recovery, space, wrapping)))
      throw new NotAllowed('the space was not made by someone who knows this recovery key: the remote shows a forged one');
    const secrets = await openSecrets(membership, 'recovery', recovery.identity, wrapping);
    const keyId = currentEpoch(membership).number;
    if (secrets?.epochKeys.has(keyId) !== true) throw new NotAllowed(await whoLeftItOut(events, secrets, replica));
    const keys = createSpaceKeys(secrets);
    const { sealedRemote } = membership;
    const said = sealedRemote === null ? null : await openText(sealedRemote, space, keys, deps.compression);
    const moved = events.findLast(({ payload, reason }) => payload?.op === 'move' && reason === null)?.record.header.position;
    if (said !== null && moved !== undefined && as.isHome !== undefined && !(await as.isHome(said)))
      if (!(await goesOnBehind(moved, space, membership.recovery.signer, deps))) throw new HomeElsewhere(said, moved);
    const listed = membership.members.get(machine.key.machine);
    if (listed?.role === 'owner' && listed.recipient === machine.recipient) return;
    const taken = new Set<string>();
    for (const member of [...membership.members.values(), ...membership.removed.values()]) {
      if (member.machine === machine.key.machine) continue;
      const other = await openText(member.sealedName, space, keys, deps.compression);
      if (other !== null) taken.add(other.toLowerCase());
    }
    const name = as.nameAmong?.(taken) ?? machine.name;
    const head = (await replica.head()) ?? EMPTY_HEAD;
    const record = sealRecord(
      {
        type: 'control',
        space,
        id: bytesToHex(deps.random.bytes(16)) as CommitId,
        position: head.position + 1,
        previous: head.hash,
        term: head.term,
        keyId,
        objects: [],
        previousControl: membership.lastControl,
      },
      encodeControl({
        op: 'member',
        member: {
          machine: machine.key.machine,
          recipient: machine.recipient,
          role: 'owner',
          account: null,
          sealedName: await sealText(name, space, keyId, keys, deps),
        },
        envelope: await wrapping.wrap(encodeSecrets(secrets), machine.recipient),
      }),
      recovery.key,
    );
    // Accepted or not, the next round reads what the log holds by then.
    await remote.append(space, head, { records: [record], objects: [] });
  }
  throw new NotAllowed('the space is too busy: others were faster twenty times');
}

/** Whoever begins an epoch hands its key to the recovery key: one who did not took it out, by a fault or on purpose. */
async function whoLeftItOut(events: readonly ControlEvent[], secrets: SpaceSecrets | null, { space, deps }: Replica): Promise<string> {
  const begun = events.findLast(({ payload, reason }) => reason === null && (payload?.op === 'epoch' || payload?.op === 'genesis'));
  const signer = begun?.record.header.signer;
  const after = events.at(-1)?.after;
  const member = signer === undefined ? undefined : (after?.members.get(signer) ?? after?.removed.get(signer));
  const name =
    secrets === null || member === undefined ? null : await openText(member.sealedName, space, createSpaceKeys(secrets), deps.compression);
  const who = `${name === null ? 'the machine' : `${name},`} ${signer?.slice(0, 12) ?? '?'}`;
  return (
    `the recovery key opens no key of the current epoch: ${who}, which began it with record ${begun?.record.header.position ?? '?'}, put in none that opens. ` +
    'A machine that still has the key can mend that: satchel keys recovery --replace'
  );
}

/** At an old home nothing follows the record that moved it, but for what a recovery put there: with more, it is the home by another name. */
async function goesOnBehind(moved: number, space: SpaceId, recoverer: string, { store }: ReplicaDeps): Promise<boolean> {
  const behind = await store.read((tx) => tx.logs.read(space, moved + 1, { records: LOOKED_AT_BEHIND, bytes: 1024 * 1024 }));
  return behind.some(({ bytes }) => {
    const record = decodeRecord(bytes);
    return record.ok && record.value.header.signer !== recoverer;
  });
}

/** Whether the record that named this key as the recovery key was made by someone who knew its secret. */
async function isProven(events: readonly ControlEvent[], recovery: RecoveryKey, space: SpaceId, wrapping: KeyWrapping): Promise<boolean> {
  for (const { payload, reason, record } of events) {
    if (reason !== null || payload === null) continue;
    const named = payload.op === 'genesis' || payload.op === 'recovery' ? payload.recovery.signer : null;
    if (named !== recovery.key.machine) continue;
    const isGenesis = payload.op === 'genesis';
    const envelope = isGenesis ? payload.epoch.envelopes['recovery'] : payload.op === 'recovery' ? payload.envelope : undefined;
    const plain = envelope === undefined ? null : await wrapping.unwrap(envelope, recovery.identity);
    const proof = plain === null ? null : proofIn(plain);
    const expected = isGenesis ? genesisProof(recovery, payload.nonce, record.header.signer) : replacementProof(recovery, space);
    if (proof !== null && equalBytes(proof, expected)) return true;
  }
  return false;
}

/** Replaces the space's recovery key: the old words stop working. The new secret must be durable before. Idempotent. */
export async function replaceRecoveryKey(replica: Replica, remote: Remote, secret: Uint8Array): Promise<void> {
  const { wrapping } = replica.deps;
  const recovery = await createRecoveryKey(secret, wrapping);
  await appendControl(replica, remote, async () => {
    if (replica.membership.recovery.signer === recovery.key.machine) return null;
    const plain = encodeSecrets(await ownSecrets(replica), replacementProof(recovery, replica.space));
    return {
      op: 'recovery',
      recovery: { signer: recovery.key.machine, recipient: recovery.recipient },
      envelope: await wrapping.wrap(plain, recovery.recipient),
    };
  });
}
