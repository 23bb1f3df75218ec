import type { Item } from '../../core/item.ts';
import type { SatchelNode } from '../node.ts';
import { answerPending } from './answer-pending.ts';
import { listPending } from './list-pending.ts';

/** What waited, by place, before this machine's user changed something by a command. */
export type Waiting = ReadonlySet<string>;

export async function noteWaiting(node: SatchelNode): Promise<Waiting> {
  return new Set((await listPending(node)).map(({ entry }) => entry.path));
}

/**
 * What a command of this machine's user just made of an item needs no answer here: it is put in place. Where its place
 * waited before, something of another machine is in it too, and it goes on waiting.
 */
export async function approveOwn(node: SatchelNode, before: Waiting, item: Item): Promise<void> {
  const made = (await listPending(node)).filter(
    ({ entry }) => entry.type === 'consent' && !before.has(entry.path) && entry.items.some((each) => each.item === item.name),
  );
  if (made.length > 0) await answerPending(node, 'approve', { ids: made.map(({ entry }) => entry.id) });
}
