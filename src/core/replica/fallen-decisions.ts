import type { MachineId, SpaceId } from '../ids.ts';
import type { Role } from '../log/control.ts';
import type { Membership } from '../log/membership.ts';
import type { Remote } from '../ports/remote.ts';
import type { StoreTransaction } from '../ports/store.ts';
import { changeRole, revoke } from './administer.ts';
import type { Replica } from './replica.ts';

/** Who had been kept out, or down, when a log fell back: what only an owner can decide, and had decided. */
interface Decisions {
  readonly removed: readonly MachineId[];
  readonly roles: readonly (readonly [MachineId, Role])[];
}

const COLLECTION = 'fallen-decisions';

const RANK: Readonly<Record<Role, number>> = { reader: 0, writer: 1, owner: 2 };

/** Into the transaction in which the log falls back. Those of an earlier fall that were not made again yet stay. */
export async function keepDecisions(tx: StoreTransaction, space: SpaceId, { removed, members }: Membership): Promise<void> {
  if ((await tx.documents.get<Decisions>(COLLECTION, space)) !== undefined) return;
  const decisions: Decisions = {
    removed: [...removed.keys()],
    roles: [...members].map(([machine, { role }]) => [machine, role]),
  };
  await tx.documents.put(COLLECTION, space, decisions);
}

/**
 * Revokes again who is back because its revocation fell, and takes back the rights that others got back. Whom an owner
 * let in, or gave more rights, is asked of an owner anew: that keeps nobody's data from anybody. Safe to repeat. Throws
 * NotAllowed, RemoteError. One look-up where nothing fell.
 */
export async function decideAgain(replica: Replica, remote: Remote): Promise<void> {
  const { store } = replica.deps;
  const decisions = await store.read((tx) => tx.documents.get<Decisions>(COLLECTION, replica.space));
  if (decisions === undefined) return;
  const isBack = (machine: MachineId): boolean => machine !== replica.machine && replica.membership.members.has(machine);
  for (const [machine, role] of decisions.roles) {
    const now = replica.membership.members.get(machine);
    if (now !== undefined && isBack(machine) && RANK[role] < RANK[now.role]) await changeRole(replica, remote, machine, role);
  }
  const removed = decisions.removed.filter(isBack);
  if (removed.length > 0) await revoke(replica, remote, removed);
  await store.write((tx) => tx.documents.remove(COLLECTION, replica.space));
}
