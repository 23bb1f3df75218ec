import type { MachineId, SpaceId } from '../core/ids.ts';
import type { RemoteDescriptor } from '../core/joining/link.ts';
import { HomeMoved } from '../core/replica/administer.ts';
import { homeOf, moveHome } from '../core/replica/move-home.ts';
import type { SyncReport } from '../core/replica/transfer.ts';
import { connectHere } from './connect.ts';
import type { SatchelNode } from './node.ts';
import type { OpenSpace } from './open-space.ts';
import { OperationFailure } from './operations/operation.ts';

const MOVES_AT_ONCE = 8;

const moving = new WeakSet<OpenSpace>();

/** While this node moves a space itself, nothing follows: the home that it moves from, and the replica, are in use until the entry is changed. */
export async function whileMoving<T>(open: OpenSpace, work: () => Promise<T>): Promise<T> {
  moving.add(open);
  try {
    return await work();
  } finally {
    moving.delete(open);
  }
}

/** Moves a space's home remote and goes on from there. Safe to repeat after an interruption. */
export async function moveToRemote(
  node: SatchelNode,
  space: SpaceId,
  target: RemoteDescriptor,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  const open = node.spaces.get(space);
  if (open === undefined) throw new OperationFailure('usage', 'no-space', 'there is no such space here');
  await whileMoving(open, async () => {
    const to = await connectHere(node, target);
    try {
      await moveHome(open.replica, await open.runner.connected(), to, encodeDescriptor(target), onProgress);
    } finally {
      await to.close();
    }
    await node.updateSpace({ ...open.entry, remote: target });
  });
}

/** What the move record says, for members. */
export function encodeDescriptor(descriptor: RemoteDescriptor): string {
  return JSON.stringify({ address: descriptor.address, hubKey: descriptor.hubKey ?? null, tlsPin: descriptor.tlsPin ?? null });
}

export function parseDescriptor(text: string): RemoteDescriptor | null {
  try {
    const { address, hubKey, tlsPin } = JSON.parse(text) as { address?: unknown; hubKey?: unknown; tlsPin?: unknown };
    if (typeof address !== 'string') return null;
    return { address, ...(typeof hubKey === 'string' ? { hubKey } : {}), ...(typeof tlsPin === 'string' ? { tlsPin } : {}) };
  } catch {
    return null;
  }
}

/** Where the log moved elsewhere, the entry follows. True where it did. */
export async function followMove(node: SatchelNode, space: SpaceId): Promise<boolean> {
  const open = node.spaces.get(space);
  if (open === undefined || moving.has(open)) return false;
  const moved = await movedTo(open, node.deps.machine.key.machine);
  if (moved === null) return false;
  const { remote } = moved;
  node.log.info({ space }, 'the home remote moved');
  await open.runner.idle();
  if (node.spaces.get(space) !== open) return true; // another was faster to follow
  if (moving.has(open)) return false;
  await node.updateSpace({ ...open.entry, remote });
  return true;
}

/** Where the log says that its home is now, where it is looked for elsewhere; `remote` is null for this very node. Cost: a comparison. */
export async function movedTo(
  { entry, replica }: Pick<OpenSpace, 'entry' | 'replica'>,
  self: MachineId,
): Promise<{ readonly remote: RemoteDescriptor | null } | null> {
  if (!replica.canWrite) return null;
  const said = await homeOf(replica);
  const home = said === null ? null : parseDescriptor(said);
  if (home === null) return null;
  // A move to this very node: its log is ordered here.
  const remote = home.hubKey === self ? null : home;
  return isThere(entry.remote, remote) ? null : { remote };
}

/** One sync where the home is by what it reads on the way; where that is, is where the space is from then on. Throws what a sync throws. */
export async function syncAtHome(
  node: SatchelNode,
  first: OpenSpace,
  onProgress?: (done: number, total: number) => void,
): Promise<SyncReport> {
  const { space } = first.entry;
  for (let moves = 0; ; moves++) {
    try {
      return await (node.spaces.get(space) ?? first).runner.syncNow(onProgress);
    } catch (error) {
      if (!(error instanceof HomeMoved) || moves === MOVES_AT_ONCE || !(await followMove(node, space))) throw error;
    }
  }
}

/** Every space whose log moved elsewhere is looked for there from now on. Cost: little where none did. */
export async function followMoves(node: SatchelNode): Promise<void> {
  for (const space of [...node.spaces.keys()]) await followMove(node, space);
}

/** A hub is known by its key. It may have several addresses: a machine stays with the one that it was invited with. */
function isThere(now: RemoteDescriptor | null, home: RemoteDescriptor | null): boolean {
  if (now === null || home === null) return now === home;
  return now.hubKey === undefined ? encodeDescriptor(now) === encodeDescriptor(home) : now.hubKey === home.hubKey;
}
