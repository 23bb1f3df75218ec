import { bytesToHex, type MachineId, type SpaceId } from '../ids.ts';
import type { Role } from '../log/control.ts';
import { controlHistory } from '../log/control-history.ts';
import { currentEpoch, type Membership } from '../log/membership.ts';
import type { Remote } from '../ports/remote.ts';
import type { StoreTransaction } from '../ports/store.ts';
import { appendControl, changeRole, revoke } from './administer.ts';
import type { Replica } from './replica.ts';

/** Who had been kept out, or down, when a log fell back: what only an owner can decide, and had decided. */
interface Decisions {
  readonly removed: readonly MachineId[];
  readonly roles: readonly (readonly [MachineId, Role])[];
  /** Where the log fell back to. */
  readonly position?: number;
  /** The recovery key that had replaced the first one. */
  readonly recovery?: FallenRecovery;
}

interface FallenRecovery {
  readonly signer: MachineId;
  readonly recipient: string;
  /** Base64: as whoever knew the key's secret had made it. */
  readonly envelope: string;
  /** Commitments, in hex, to the epoch keys that it opens. */
  readonly opens: readonly string[];
}

const COLLECTION = 'fallen-decisions';

const RANK: Readonly<Record<Role, number>> = { reader: 0, writer: 1, owner: 2 };

/** Into the transaction in which the log falls back to `position`. Those of an earlier fall that were not made again yet stay. */
export async function keepDecisions(tx: StoreTransaction, space: SpaceId, membership: Membership, position: number): Promise<void> {
  if ((await tx.documents.get<Decisions>(COLLECTION, space)) !== undefined) return;
  const recovery = replacedRecovery(membership);
  const decisions: Decisions = {
    removed: [...membership.removed.keys()],
    roles: [...membership.members].map(([machine, { role }]) => [machine, role]),
    position,
    ...(recovery === null ? {} : { recovery }),
  };
  await tx.documents.put(COLLECTION, space, decisions);
}

function replacedRecovery({ recovery, envelopes, epochs }: Membership): FallenRecovery | null {
  const handed = envelopes.get('recovery')?.at(-1);
  if (handed === undefined) return null;
  const opens = epochs.filter(({ number }) => number <= handed.epoch).map(({ commitment }) => bytesToHex(commitment));
  return { ...recovery, envelope: Buffer.from(handed.envelope).toString('base64'), opens };
}

/**
 * Revokes again who is back because its revocation fell, and takes back the rights that others got back; puts the recovery
 * key that fell in the place of the one that it had replaced. Whom an owner let in, or gave more rights, is asked of an
 * owner anew: that keeps nobody's data from anybody. Safe to repeat. Throws NotAllowed, RemoteError. One look-up where
 * nothing fell.
 */
export async function decideAgain(replica: Replica, remote: Remote): Promise<void> {
  const { store } = replica.deps;
  const decisions = await store.read((tx) => tx.documents.get<Decisions>(COLLECTION, replica.space));
  if (decisions === undefined) return;
  // First: what is revoked below is sealed for this key too.
  const needsEpoch = await replaceRecoveryAgain(replica, remote, decisions);
  const isBack = (machine: MachineId): boolean => machine !== replica.machine && replica.membership.members.has(machine);
  for (const [machine, role] of decisions.roles) {
    const now = replica.membership.members.get(machine);
    if (now !== undefined && isBack(machine) && RANK[role] < RANK[now.role]) await changeRole(replica, remote, machine, role);
  }
  const removed = decisions.removed.filter(isBack);
  if (removed.length > 0 || needsEpoch) await revoke(replica, remote, removed);
  await store.write((tx) => tx.documents.remove(COLLECTION, replica.space));
}

/** Whether the key now in place opens no key of the current epoch: the next epoch is sealed for it. */
async function replaceRecoveryAgain(replica: Replica, remote: Remote, { recovery, position = -1 }: Decisions): Promise<boolean> {
  if (recovery === undefined) return false;
  const { signer, recipient } = recovery;
  await appendControl(replica, remote, async () => {
    if (replica.membership.recovery.signer === signer || (await replacedSince(replica, position))) return null;
    return { op: 'recovery', recovery: { signer, recipient }, envelope: Buffer.from(recovery.envelope, 'base64') };
  });
  const { membership } = replica;
  return membership.recovery.signer === signer && !recovery.opens.includes(bytesToHex(currentEpoch(membership).commitment));
}

/** Whether somebody replaced the recovery key behind a position, by what stands in the log now. */
export async function replacedSince({ deps, space }: Replica, position: number): Promise<boolean> {
  const controls = await deps.store.read((tx) => tx.logs.controls(space, 0));
  return controlHistory(controls).some(
    ({ payload, reason, record }) => reason === null && payload?.op === 'recovery' && record.header.position > position,
  );
}
