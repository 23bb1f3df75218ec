import { createHash } from 'node:crypto';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { createRowsOfSpace } from '../../gateways/claude-mem/rows-of-space.ts';
import { claudeMemProfile } from '../../sources/claude-mem/claude-mem-profile.ts';
import { withoutAbsences } from '../../sources/sqlite-rows/absence-workspaces.ts';
import { viewsForCopy } from '../../sources/sqlite-rows/views-for-copy.ts';
import { createRowSource, ROWS_WRITER } from '../row-sources.ts';

/**
 * Brings the rows of a copy of claude-mem's database into the spaces that they go to, as changes of what stood there: a row that was edited
 * is an edit, one that is as it was shown is no news, what is not in the copy stays. Then puts them in place here. Null where no space takes
 * them. Safe to repeat. O(rows).
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
  await node.store.write((tx) => tx.views.clear(replica.space, writer));
  for (const { definition } of rows) {
    const scope = node.memRows.scopeFor(entry.name, rowNames);
    const copied = { ...definition, file, sessionsOnly: false };
    const views = await viewsForCopy({
      ...{ file, profile: claudeMemProfile(copied), clock },
      views: await node.store.read((tx) => tx.views.list(replica.space, ROWS_WRITER)),
      read: (_, content) => createRowsOfSpace(replica).rowOf(content),
    });
    await node.store.write((tx) => tx.views.put(replica.space, writer, views));
    const { turns } = node.memRows;
    const copy = createRowSource(copied, replica, { clock, random, log: node.log, writer, scope, turns, through: withoutAbsences });
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
