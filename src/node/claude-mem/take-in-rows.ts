import { createHash } from 'node:crypto';
import { PERSONAL, type SatchelNode } from '../node.ts';
import { createRowSource, rowDefinitions } from '../row-sources.ts';

/**
 * Brings the rows of a copy of claude-mem's database into the space, as if it were another machine's: what the space has is merged, what is
 * not in the copy stays. Then puts them in place here. Null where there is no space to take them. Safe to repeat. O(rows).
 */
export async function takeInRows(node: SatchelNode, file: string): Promise<number | null> {
  const open = [...node.spaces.values()].find(({ entry }) => entry.name === PERSONAL);
  const [definition] = rowDefinitions(node.config, false);
  if (open === undefined || definition === undefined || !open.replica.canWrite) return null;
  const writer = `rescued:${createHash('sha256').update(file).digest('hex').slice(0, 16)}`;
  const { clock, random } = node.deps;
  const copy = createRowSource({ ...definition, file }, open.replica, { clock, random, log: node.log, writer });
  let changes;
  try {
    ({ changes } = await copy.source.scan());
    if (copy.health.problem !== null) throw new Error(`the rows of ${file} could not be taken in: ${copy.health.problem}`);
  } finally {
    await copy.close();
  }
  await node.store.write((tx) => tx.views.clear(open.replica.space, writer));
  for (const { source } of open.rows) await source.apply();
  return changes;
}
