import { StoreUnavailable } from '../../core/ports/store.ts';
import type { SatchelNode } from '../node.ts';
import { noteLooked } from '../shared-store/hub-identity.ts';
import { failed, passed, type Check } from './check.ts';

/** Whether a hub that runs reads and writes its database, with what it was given to open it. Nothing where the store is the node's own. */
export async function checkDatabase({ store, deps, isLive }: Pick<SatchelNode, 'store' | 'deps' | 'isLive'>): Promise<Check[]> {
  if (store.place === null || !isLive) return [];
  try {
    await noteLooked(store, deps.clock.now());
    return [passed('hub.store', `the hub reads and writes ${store.place}`)];
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    return [failed('hub.store', 'high', `the store does not serve: ${error.message}`, error.remedy)];
  }
}
