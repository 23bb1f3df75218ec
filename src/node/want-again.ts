import type { ObjectId, SpaceId } from '../core/ids.ts';
import { verifyKeptLog } from '../core/replica/verify.ts';
import { StoreUnavailable } from '../core/ports/store.ts';
import type { SatchelNode } from './node.ts';

/** Of a remote: core/ports/remote.ts. */
const ASKED_AT_ONCE = 1_000;

type Keeper = Pick<SatchelNode, 'store' | 'objects' | 'local' | 'log'>;

/** Asked for, what cannot be given is wanted of the machines that have it. */
export async function wantAgain({ local }: Pick<Keeper, 'local'>, space: SpaceId, ids: readonly ObjectId[]): Promise<void> {
  for (let at = 0; at < ids.length; at += ASKED_AT_ONCE) await local.getObjects(space, ids.slice(at, at + ASKED_AT_ONCE));
  await local.wantedObjects?.(space, null); // noted by then
}

/**
 * Wants of machines whatever a hub's log names and its bucket does not have any more, as soon as it is known that the bucket lost something,
 * so that it is told of on every hub of the database. O(objects of the space), and of the bucket those that another hub may know of.
 */
export async function wantLost(keeper: Keeper, space: SpaceId): Promise<void> {
  const { store, objects, log } = keeper;
  try {
    const { lost } = await verifyKeptLog(store, objects, space, {
      depth: 'names',
      onProgress: () => undefined,
      onLost: (ids) => wantAgain(keeper, space, ids),
    });
    log.warn({ space, lost }, 'looked for what the bucket lost: what is missing is wanted of the machines of the space');
  } catch (error) {
    const said = error instanceof StoreUnavailable || !(error instanceof Error) ? String(error) : (error.stack ?? error.message);
    log.warn({ space, error: said }, 'what the bucket lost cannot be looked for now; run: satchel store verify --read-data');
  }
}
