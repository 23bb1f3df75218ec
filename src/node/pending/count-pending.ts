import { partSubject } from '../claude-forms.ts';
import { lacksKey } from '../missing-key.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { partAuthors } from '../part-authors.ts';
import { outgoingId, rejectedSecrets } from './pending-outgoing.ts';

/** How many entries of these sources wait for an answer, without what describing them costs. */
export async function countPending(
  node: SatchelNode,
  { sources, rows, replica }: Pick<OpenSpace, 'sources' | 'rows' | 'replica'>,
): Promise<number> {
  if (lacksKey({ replica })) return 0;
  let count = 0;
  for (const { source, outgoing } of [...sources, ...rows]) {
    const held = outgoing.held();
    const rejected = held.length === 0 ? null : await rejectedSecrets(node);
    count += held.filter((each) => rejected?.has(outgoingId(each)) !== true).length;
    const { type } = source.state();
    if (type === 'mass-deletion' || type === 'root-missing' || type === 'older-state') count += 1;
  }
  for (const { consents, firstApply, forms } of sources) {
    if ((await firstApply.state()) === 'waiting') count += 1;
    const withheld = (await consents?.workspace.withheld()) ?? [];
    count += withheld.filter(({ verdict }) => verdict === 'waiting').length;
    if (forms === null || consents === null) continue;
    for (const { item, held: parts } of await forms.inspect()) {
      if (parts.length === 0) continue;
      const authors = await partAuthors(replica, consents.book, item);
      count += parts.filter((part) => consents.book.judge(partSubject(part), authors(part)) === 'waiting').length;
    }
  }
  return count;
}
