import type { MachineId } from '../core/ids.ts';
import { controlHistory } from '../core/log/control-history.ts';
import { decodeControl } from '../core/log/control.ts';
import { isOwner } from '../core/log/membership.ts';
import { decodeRecord, hasValidSignature } from '../core/log/record.ts';
import type { Clock } from '../core/ports/clock.ts';
import { RemoteError, type Remote } from '../core/ports/remote.ts';
import { remembered } from '../core/replica/remembered.ts';
import type { Replica } from '../core/replica/replica.ts';
import { machineNames } from './machine-names.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { recordTime, timeBefore } from './record-times.ts';

/** That this machine was revoked, in a space that a hub does not show it any more: an owner's record says so. */
interface NotedRemoval {
  readonly by: MachineId;
  /** Of the record that removed it. */
  readonly position: number;
  /** Milliseconds since 1970, when this machine learned of it. */
  readonly learned: number;
}

const REMOVALS = 'removals';

/** That this machine was revoked: by whom, and since when that is known. */
export interface Revocation {
  readonly by: string;
  readonly by_id: string;
  readonly position: number;
  /** ISO 8601: about when, as far as this machine can tell. */
  readonly known_since: string | null;
}

/**
 * Asks a remote that does not show a space any more whether this machine was removed from it, and notes the answer.
 * Believed is a record that an owner signed, as far as this machine read the log. True where one says so.
 */
export async function learnRemoval(replica: Replica, remote: Remote, clock: Clock): Promise<boolean> {
  const bytes = await askRemoval(replica, remote);
  const record = bytes === null ? null : decodeRecord(bytes);
  if (record?.ok !== true || replica.term === null) return false;
  const { header, body } = record.value;
  const payload = decodeControl(body);
  const isRemoval = payload.ok && payload.value.op === 'epoch' && payload.value.removed.includes(replica.machine);
  const isBelieved = header.space === replica.space && hasValidSignature(record.value) && isOwner(replica.membership, header.signer);
  if (!isRemoval || !isBelieved || header.position <= replica.position) return false;
  await replica.deps.store.write(async (tx) => {
    const known = await tx.documents.get<NotedRemoval>(REMOVALS, replica.space);
    if (known?.position === header.position) return;
    const removal: NotedRemoval = { by: header.signer, position: header.position, learned: clock.now() };
    await tx.documents.put(REMOVALS, replica.space, removal);
  });
  return true;
}

async function askRemoval(replica: Replica, remote: Remote): Promise<Uint8Array | null> {
  try {
    return (await remote.removal?.(replica.space)) ?? null;
  } catch (error) {
    if (error instanceof RemoteError) return null; // an older hub, or none at all by now
    throw error;
  }
}

/** Asked for with every sync. */
const lookUps = new WeakMap<Replica, () => Promise<NotedRemoval | undefined>>();

function notedRemoval(replica: Replica): Promise<NotedRemoval | undefined> {
  const { deps, space } = replica;
  const look = (): Promise<NotedRemoval | undefined> => deps.store.read((tx) => tx.documents.get<NotedRemoval>(REMOVALS, space));
  const lookUp = lookUps.get(replica) ?? remembered(deps.store, look, `documents in ${REMOVALS}`);
  lookUps.set(replica, lookUp);
  return lookUp();
}

/** `null` where this machine was not revoked, as far as it knows. O(control records) where it was. */
export async function revocationOf(node: SatchelNode, open: OpenSpace): Promise<Revocation | null> {
  const { replica, entry } = open;
  if ((await replica.head()) === null) return null;
  const names = async (id: MachineId): Promise<string> =>
    (await machineNames(node, open)).get(id) ?? (replica.membership.recovery.signer === id ? 'the recovery key' : id.slice(0, 8));
  if (replica.isRevoked) {
    const events = controlHistory(await node.store.read((tx) => tx.logs.controls(entry.space, 0)));
    const event = events.findLast(
      ({ before, after }) => before?.members.has(replica.machine) === true && !after.members.has(replica.machine),
    );
    if (event === undefined) return null;
    const { signer, position } = event.record.header;
    const time = (await recordTime(node, open, position)) ?? (await timeBefore(node, open, position));
    return { by: await names(signer), by_id: signer, position, known_since: time };
  }
  const noted = await notedRemoval(replica);
  // Whoever reads on behind it was let in again.
  if (noted === undefined || noted.position <= replica.position) return null;
  return { by: await names(noted.by), by_id: noted.by, position: noted.position, known_since: new Date(noted.learned).toISOString() };
}
