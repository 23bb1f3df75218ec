import { StoreUnavailable } from '../../core/ports/store.ts';
import type { SatchelNode } from '../node.ts';
import { failed, passed, type Check } from './check.ts';

/** Whether a hub's bucket lets it in. Nothing where bodies lie with the store. One request. */
export async function checkBucket({ objects }: Pick<SatchelNode, 'objects'>): Promise<Check[]> {
  if (objects.ask === undefined) return [];
  try {
    await objects.ask();
    return [passed('store.bucket', 'the bucket answers')];
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    return [failed('store.bucket', 'high', error.message, error.remedy)];
  }
}
