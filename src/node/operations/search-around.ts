import { z } from 'zod';
import { describeAll, type Found } from '../recall/describe-found.ts';
import { findFound } from '../recall/find-found.ts';
import { useIndex } from '../recall/use-index.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface AroundResult {
  /** In order of time, oldest first. */
  readonly hits: readonly Found[];
  /** Which of them was asked for. */
  readonly at: number;
  readonly project: string | null;
}

/** What was before and after a hit: of a memory or file in its project, of what was said in its session. */
export const aroundOperation = defineOperation({
  input: z.strictObject({ id: z.string().min(1).max(128), limit: z.number().int().min(1).max(1_000).default(10) }),
  async run(node, { id, limit }, context): Promise<AroundResult> {
    const found = await findFound(node, undefined, id);
    if (found === null)
      throw new OperationFailure(
        'usage',
        'no-such-id',
        `nothing has the id ${JSON.stringify(id)}`,
        'Ids stand in what this prints: satchel search WORDS',
      );
    const { open, item } = found;
    return useIndex(node, context, async (index) => {
      const number = found.number ?? 1;
      const [passage] = await index.passages(open.entry.space, item, number, number);
      if (passage === undefined)
        throw new OperationFailure(
          'usage',
          'no-such-id',
          `nothing of ${item.name} can be found by the number ${number}`,
          'Run: satchel show ID',
        );
      const [before, after] = [Math.floor(limit / 2), Math.ceil(limit / 2)];
      const { project, shelf } = passage;
      const near =
        shelf === 'sessions'
          ? await index.passages(open.entry.space, item, number - before, number + after)
          : await index.around(
              passage,
              { spaces: [passage.space], shelves: ['memories', 'files'], ...(project === null ? {} : { projects: [project] }) },
              { before, after },
            );
      const hits = (await describeAll(node, near, [])).map(({ found: each }) => each);
      return {
        hits,
        at: near.findIndex((each) => each.item.name === item.name && each.item.kind === item.kind && each.number === number),
        project,
      };
    });
  },
});
