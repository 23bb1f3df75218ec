import { nothingToSearch, useIndex } from '../recall/use-index.ts';
import { noInput } from './no-input.ts';
import { defineOperation } from './operation.ts';

export interface ReindexResult {
  readonly items: number;
  readonly bytes: number;
  readonly unsearched: number;
}

/** Throws the index away, and makes it anew. */
export const reindexOperation = defineOperation({
  input: noInput,
  async run(node, _input, context): Promise<ReindexResult> {
    const nothing = nothingToSearch(node);
    if (nothing !== null) context.say(nothing);
    await node.recall.discard();
    const made = await useIndex(node, context, async (index, unsearched) => {
      let items = 0;
      for (const space of await index.spaces()) items += (await index.held(space)).size;
      return { items, unsearched };
    });
    return { ...made, bytes: await node.recall.size() };
  },
});
