import { StoreUnavailable } from '../../core/ports/store.ts';
import type { SatchelNode } from '../node.ts';
import { failed, passed, type Check } from './check.ts';

/** Whether a hub's bucket answers, and lets it in. Nothing where bodies lie with the store. One request, of seconds at most. */
export async function checkBucket({ objects }: Pick<SatchelNode, 'objects'>): Promise<Check[]> {
  if (objects.bucket === undefined) return [];
  try {
    await objects.bucket.ask();
    return [passed('store.bucket', 'the bucket answers')];
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    return [failed('store.bucket', 'high', error.message, error.remedy)];
  }
}
