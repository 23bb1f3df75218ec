import type { MachineId, RecordHash, SpaceId } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import { FORMAT, type ControlPayload, type EpochEntry, type MemberEntry, type RecoveryEntry } from './control.ts';
import type { LogRecord } from './record.ts';

/**
 * Who may do what in a space, as its control records say up to a position. A pure fold: {@link startMembership} on
 * the genesis, then {@link applyControl} on each control record in order.
 */
export interface Membership {
  readonly space: SpaceId;
  readonly mode: 'sealed' | 'open';
  readonly features: readonly string[];
  readonly members: ReadonlyMap<MachineId, MemberEntry>;
  /** Machines that were members: their earlier records stay valid. */
  readonly removed: ReadonlyMap<MachineId, MemberEntry>;
  readonly recovery: RecoveryEntry;
  /** All epochs, by number, in order. */
  readonly epochs: readonly EpochEntry[];
  /** Envelopes handed out by `member` and `recovery` records since, newest last: holder → (epoch, envelope). */
  readonly envelopes: ReadonlyMap<string, readonly { readonly epoch: number; readonly envelope: Uint8Array }[]>;
  readonly term: number;
  /** Where the log is kept since the last move; `null`: where it was found. */
  readonly sealedRemote: Uint8Array | null;
  /** Hash and position of the newest control record. */
  readonly lastControl: RecordHash;
  readonly lastControlPosition: number;
}

export function currentEpoch(membership: Membership): EpochEntry {
  return membership.epochs.at(-1) as EpochEntry;
}

/** Owners and the recovery key may sign control records. */
export function isOwner(membership: Membership, machine: MachineId): boolean {
  return membership.members.get(machine)?.role === 'owner' || membership.recovery.signer === machine;
}

export function mayAppend(membership: Membership, machine: MachineId): boolean {
  const role = membership.members.get(machine)?.role;
  return role === 'writer' || role === 'owner' || membership.recovery.signer === machine;
}

export function mayRead(membership: Membership, machine: MachineId): boolean {
  return membership.members.has(machine) || membership.recovery.signer === machine;
}

/** The genesis must be signed by the owner that it names. Its hash is the space's id. */
export function startMembership(record: LogRecord, payload: ControlPayload): Result<Membership, string> {
  if (payload.op !== 'genesis') return fail('the first record is no genesis');
  if (record.header.position !== 0 || record.header.term !== 0) return fail('a genesis stands at position 0 of term 0');
  if (payload.format !== FORMAT) return fail(`format ${payload.format} is not known to this version`);
  if (payload.owner.machine !== record.header.signer) return fail('genesis is not signed by its owner');
  if (payload.epoch.number !== 1 || record.header.keyId !== 1) return fail('the first epoch is not number 1');
  return ok({
    space: record.hash as string as SpaceId,
    mode: payload.mode,
    features: payload.features,
    members: new Map([[payload.owner.machine, payload.owner]]),
    removed: new Map(),
    recovery: payload.recovery,
    epochs: [payload.epoch],
    envelopes: new Map(),
    term: 0,
    sealedRemote: null,
    lastControl: record.hash,
    lastControlPosition: 0,
  });
}

/**
 * The membership after a control record whose signature was checked; or why the record is void. A void control
 * record still counts as the newest of the control chain, if it continues it.
 */
export function applyControl(before: Membership, record: LogRecord, payload: ControlPayload): Result<Membership, string> {
  const linked = { ...before, lastControl: record.hash, lastControlPosition: record.header.position };
  if (!isLinked(before, record)) return fail('it does not name the control record before it');
  if (!isOwner(before, record.header.signer)) return fail('signer is no owner');
  switch (payload.op) {
    case 'genesis':
      return fail('a second genesis');
    case 'member':
      return applyMember(linked, payload.member, payload.envelope);
    case 'epoch':
      return applyEpoch(linked, payload.removed, payload.epoch);
    case 'recovery':
      return ok({ ...linked, recovery: payload.recovery, envelopes: withEnvelope(linked, 'recovery', payload.envelope) });
    case 'move':
      // A void control record may have begun a term that was no move.
      if (payload.term !== record.header.term || payload.term <= before.term)
        return fail(`term ${payload.term} does not follow ${before.term}`);
      if (payload.position !== record.header.position - 1 || payload.head !== record.header.previous)
        return fail('move does not name the head it continues');
      return ok({ ...linked, term: payload.term, sealedRemote: payload.sealedRemote });
    case 'features':
      return ok({ ...linked, features: [...new Set([...before.features, ...payload.features])].sort() });
    case 'prune':
    case 'erase':
    case 'grant':
      return ok(linked);
  }
}

/** The control chain goes on through void records too, except through those that are no part of it. */
export function linkVoidControl(before: Membership, record: LogRecord): Membership {
  if (!isLinked(before, record)) return before;
  return { ...before, lastControl: record.hash, lastControlPosition: record.header.position };
}

function isLinked(before: Membership, record: LogRecord): boolean {
  return record.header.previousControl === before.lastControl;
}

function applyMember(membership: Membership, member: MemberEntry, envelope: Uint8Array): Result<Membership, string> {
  const known = membership.members.get(member.machine);
  if (known === undefined && membership.members.size >= LIMITS.members) return fail(`a space lists ${LIMITS.members} members at most`);
  if (known !== undefined && known.role === 'owner' && member.role !== 'owner' && ownerCount(membership) === 1)
    return fail('the last owner stays owner');
  const members = new Map(membership.members).set(member.machine, member);
  const removed = new Map(membership.removed);
  removed.delete(member.machine);
  const envelopes = envelope.length === 0 ? membership.envelopes : withEnvelope(membership, member.machine, envelope);
  return ok({ ...membership, members, removed, envelopes });
}

function applyEpoch(membership: Membership, machines: readonly MachineId[], epoch: EpochEntry): Result<Membership, string> {
  if (epoch.number !== currentEpoch(membership).number + 1)
    return fail(`epoch ${epoch.number} does not follow ${currentEpoch(membership).number}`);
  const members = new Map(membership.members);
  const removed = new Map(membership.removed);
  for (const machine of machines) {
    const member = members.get(machine);
    if (member === undefined) return fail('removes a machine that is no member');
    members.delete(machine);
    removed.set(machine, member);
  }
  if (![...members.values()].some((m) => m.role === 'owner')) return fail('removes the last owner');
  for (const machine of members.keys()) {
    if (!(machine in epoch.envelopes)) return fail('leaves a member without the new key');
  }
  return ok({ ...membership, members, removed, epochs: [...membership.epochs, epoch] });
}

function ownerCount(membership: Membership): number {
  return [...membership.members.values()].filter((m) => m.role === 'owner').length;
}

function withEnvelope(membership: Membership, holder: string, envelope: Uint8Array) {
  const epoch = currentEpoch(membership).number;
  const earlier = membership.envelopes.get(holder) ?? [];
  return new Map(membership.envelopes).set(holder, [...earlier, { epoch, envelope }]);
}
