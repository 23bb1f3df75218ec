import type { SpaceId } from '../../core/ids.ts';
import type { TextIndex } from '../../core/ports/text-index.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
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
    const indexed = new Map<SpaceId, OpenSpace>();
    for (const [space, open] of node.spaces) if (await mayBeIndexed(node, open)) indexed.set(space, open);
    for (const space of await index.spaces()) if (!indexed.has(space)) await index.removeSpace(space);
    let unsearched = 0;
    for (const open of indexed.values())
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

/** What there is to say where nothing is ever found: a hub keeps logs that it has no keys of. `null` elsewhere. */
export function nothingToSearch({ config, spaces }: SatchelNode): string | null {
  if (!config.hub || spaces.size > 0) return null;
  return 'This hub is a member of no space, and can read nothing of what it keeps for others: search on a machine of theirs';
}

/** In a database that others keep there are no words but those of open spaces: what is sealed is for its members’ machines alone. */
async function mayBeIndexed({ shared }: SatchelNode, { replica }: OpenSpace): Promise<boolean> {
  return shared === null || ((await replica.head()) !== null && replica.membership.mode === 'open');
}
