import { counted } from '../counted.ts';
import { listPending } from '../pending/list-pending.ts';
import { isShared } from '../outgoing-answers.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { passed, some, warned, type Check } from './check.ts';

/** What waits for an answer, as far as a node has looked: this captures nothing. */
export async function checkPending(node: SatchelNode): Promise<Check> {
  const open = (await listPending(node, { looks: false })).map(({ entry }) => entry).filter(({ rejected }) => !rejected);
  const unseen = node.isLive ? [] : ['what changed here since a node ran last was not looked at: satchel pending does'];
  if (open.length === 0) return passed('pending', 'nothing waits for an answer', unseen);
  const evidence = some(open.map(({ title, what }) => `${title}: ${what}`));
  return warned(
    'pending',
    'medium',
    `${counted(open.length, 'thing waits', 'things wait')} for your answer`,
    'Run: satchel pending',
    evidence,
  );
}

/** What looks like a secret in what a space holds: where, and of what sort. Never the secret. */
export async function checkSecrets({ entry, secrets, replica }: OpenSpace): Promise<Check> {
  const id = `secrets:${entry.name}`;
  const items = await secrets.list();
  if (items.length === 0) return passed(id, 'nothing that was looked at looks like a secret');
  const lines = items.flatMap(({ item, found, count }) => [
    ...found.map(({ what, line }) => `${item.name}, line ${line}: ${what}`),
    ...(count > found.length ? [`${item.name}: and ${count - found.length} more`] : []),
  ]);
  return warned(
    id,
    'low',
    `${counted(items.length, 'item holds', 'items hold')} what looks like a secret; ${isShared(replica) ? 'others can read it' : 'only your own machines can read it'}`,
    'Where it is none of theirs: take it out there and replace it, then satchel forget ITEM',
    some(lines),
  );
}
