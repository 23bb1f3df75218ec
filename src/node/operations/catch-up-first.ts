import { RemoteError } from '../../core/ports/remote.ts';
import { PERSONAL, type SatchelNode } from '../node.ts';
import { syncRemedy } from '../sync-remedy.ts';
import { OperationFailure } from './operation.ts';
import { remoteFailure } from './remote-failure.ts';
import { syncSpace } from './sync-space.ts';

/**
 * Syncs the personal space before claude-mem's worker goes to another node's gateway, to which it pushes all that it made anew: what others deleted
 * meanwhile would come back everywhere, and what they edited would stand twice. Throws OperationFailure where nobody can tell what they did. Nothing
 * to do where no rows are carried, and on a machine that was revoked.
 */
export async function catchUpFirst(node: SatchelNode, onProgress: (done: number, total: number) => void): Promise<void> {
  const open = [...node.spaces.values()].find(({ entry }) => entry.name === PERSONAL);
  if (open === undefined || open.rows.length === 0) return;
  try {
    await syncSpace(node, open, onProgress);
  } catch (error) {
    const failure = error instanceof RemoteError ? remoteFailure(error, syncRemedy(error.type, error.message)) : error;
    if (!(failure instanceof OperationFailure)) throw failure;
    if (failure.type === 'revoked') return;
    throw new OperationFailure(
      failure.kind,
      failure.type,
      `what your other machines deleted and changed meanwhile cannot be asked for (${failure.message}), and claude-mem would undo it there: nothing was changed`,
      failure.next === undefined ? undefined : `${failure.next}. Then run this again`,
    );
  }
}

/**
 * Where no running node does: has the personal space know what the worker pushed to another node meanwhile, before its rows are looked at. One that is
 * edited before the space knows it has no name by which it is that row. Where nobody can be asked, it is as it was.
 */
export async function catchUpIfAway({ isLive, spaces }: SatchelNode): Promise<void> {
  const open = [...spaces.values()].find(({ entry }) => entry.name === PERSONAL);
  if (isLive || open === undefined || open.rows.length === 0) return;
  await open.runner.syncNow().catch((error: unknown) => {
    if (!(error instanceof RemoteError)) throw error;
  });
}

/** Sends what was captured since, where no running node does. What cannot be sent waits, as ever. */
export async function sendCaptured({ isLive, spaces }: SatchelNode): Promise<void> {
  const open = [...spaces.values()].find(({ entry }) => entry.name === PERSONAL);
  if (isLive || open === undefined || open.replica.draftCount === 0) return;
  await open.runner.syncNow().catch((error: unknown) => {
    if (!(error instanceof RemoteError)) throw error;
  });
}
