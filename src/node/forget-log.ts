import type { SpaceId } from '../core/ids.ts';
import type { SatchelNode } from './node.ts';

/** Takes a log that is of no space here out of the store, with what follows from it. */
export async function forgetLog(node: SatchelNode, space: SpaceId): Promise<void> {
  await node.store.write(async (tx) => {
    await tx.logs.remove(space);
    await tx.items.clear(space);
    await tx.documents.remove('cursors', space);
    for (const { id } of await tx.documents.list(`voids/${space}`)) await tx.documents.remove(`voids/${space}`, id);
  });
}
