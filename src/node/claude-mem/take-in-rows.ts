import { createHash } from 'node:crypto';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { createRowSource } from '../row-sources.ts';

/**
 * Brings the rows of a copy of claude-mem's database into the spaces that they go to, as if it were another machine's: what a space has is
 * merged, what is not in the copy stays. Then puts them in place here. Null where no space takes them. Safe to repeat. O(rows).
 */
export async function takeInRows(node: SatchelNode, file: string): Promise<number | null> {
  const spaces = [...node.spaces.values()].filter(({ rows, replica }) => rows.length > 0 && replica.canWrite);
  if (spaces.length === 0) return null;
  let changes = 0;
  for (const open of spaces) changes += await takeInto(node, open, file);
  for (const { rows } of spaces) for (const { source } of rows) await source.apply();
  return changes;
}

async function takeInto(node: SatchelNode, { entry, replica, rows, rowNames }: OpenSpace, file: string): Promise<number> {
  const writer = `rescued:${createHash('sha256').update(file).digest('hex').slice(0, 16)}`;
  const { clock, random } = node.deps;
  let changes = 0;
  for (const { definition } of rows) {
    const scope = node.memRows.scopeFor(entry.name, rowNames);
    const copied = { ...definition, file, sessionsOnly: false };
    const copy = createRowSource(copied, replica, { clock, random, log: node.log, writer, scope, turns: node.memRows.turns });
    try {
      const report = await copy.source.scan();
      if (copy.health.problem !== null) throw new Error(`the rows of ${file} could not be taken in: ${copy.health.problem}`);
      changes += report.changes;
    } finally {
      await copy.close();
    }
  }
  await node.store.write((tx) => tx.views.clear(replica.space, writer));
  return changes;
}
