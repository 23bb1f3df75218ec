import type { TextIndex } from '../../core/ports/text-index.ts';
import type { SatchelNode } from '../node.ts';
import { isDiskFull } from '../disk-full.ts';
import { OperationFailure, type OperationContext } from '../operations/operation.ts';
import { catchUp } from './catch-up.ts';

/**
 * Work on an index that is up to date with all spaces. `unsearched`: items whose text cannot be had now. Cost: a few look-ups where
 * nothing changed since the last time.
 */
export async function useIndex<T>(
  node: SatchelNode,
  { progress, say, signal }: OperationContext,
  work: (index: TextIndex, unsearched: number) => Promise<T>,
): Promise<T> {
  const upToDate = async (index: TextIndex): Promise<T> => {
    for (const space of await index.spaces()) if (!node.spaces.has(space)) await index.removeSpace(space);
    let unsearched = 0;
    for (const open of node.spaces.values())
      unsearched += await catchUp(index, node, open, { onProgress: (done, total) => progress(done, total, 'bytes'), signal });
    return work(index, unsearched);
  };
  return node.during(async () => {
    try {
      return await node.recall.use(upToDate, say);
    } catch (error) {
      if (signal.aborted)
        throw new OperationFailure('failed', 'stopped', 'stopped before all was read', 'Search again: it goes on from there');
      if (!isDiskFull(error)) throw error;
      throw new OperationFailure(
        'failed',
        'disk-full',
        'there is no room on the disk for the index of search',
        `Make room where ${node.home.root} is`,
      );
    }
  });
}
