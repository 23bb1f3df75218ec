import { createHash } from 'node:crypto';
import type { Item } from '../../core/item.ts';
import type { Workspace } from '../../core/replica/workspace.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { createRowsOfSpace } from '../../gateways/claude-mem/rows-of-space.ts';
import { claudeMemProfile } from '../../sources/claude-mem/claude-mem-profile.ts';
import { sentRows } from '../../sources/claude-mem/sent-rows.ts';
import { onlyNeverSaid, onlyUnknown, withoutAbsences, withoutOthers } from '../../sources/sqlite-rows/absence-workspaces.ts';
import { placeOf } from '../../sources/sqlite-rows/row-index.ts';
import { isOutOfScope } from '../../sources/sqlite-rows/row-scope.ts';
import { viewsForCopy } from '../../sources/sqlite-rows/views-for-copy.ts';
import { localWorker } from './local-worker.ts';
import { readSyncPath } from './sync-path.ts';
import { toldOfCopy } from './told-of-copy.ts';
import { createRowSource, pastOf, ROWS_WRITER } from '../row-sources.ts';

/** What became of a copy. */
export interface TakenIn {
  /** How many of its rows were news to the spaces; `null`: there is no space that takes any. */
  readonly changes: number | null;
  /** Those that some space has, by table of claude-mem, as the copy numbers them. All others are in the copy alone. */
  readonly carried: ReadonlyMap<string, ReadonlySet<number>>;
}

/**
 * What a copy of the database is to what is carried. `going-on`: it went on from that. `other`: it did not, and only rows that nobody here knows
 * are taken in. `beside`: it may stand behind that in places, and others may have changed it: what it says that was never said before is taken in too,
 * where nobody changed the row otherwise.
 */
export type CopyIs = 'going-on' | 'other' | 'beside';

/**
 * Brings the rows of a copy of claude-mem's database into the spaces that they go to, as changes of what stood there: a row that was edited
 * is an edit, one that is as it was shown is no news, what is not in the copy stays. Then puts them in place here. Safe to repeat. O(rows).
 */
export async function takeInRows(node: SatchelNode, file: string, as: CopyIs = 'going-on'): Promise<TakenIn> {
  const spaces = [...node.spaces.values()].filter(({ rows, replica }) => rows.length > 0 && replica.canWrite);
  const carried = new Map<string, Set<number>>();
  if (spaces.length === 0) return { changes: null, carried };
  let changes = 0;
  for (const open of spaces) changes += await takeInto(node, open, file, as, carried);
  for (const { rows } of spaces) {
    for (const { source } of rows) {
      await source.catchUp();
      await source.apply();
    }
  }
  return { changes, carried };
}

/** Adds to `carried` what the space has. */
async function takeInto(
  node: SatchelNode,
  { entry, replica, rows, rowNames }: OpenSpace,
  file: string,
  as: CopyIs,
  carried: Map<string, Set<number>>,
): Promise<number> {
  const writer = `rescued:${createHash('sha256').update(file).digest('hex').slice(0, 16)}`;
  const { clock, random } = node.deps;
  const add = (table: string, rowid: number): void => void carried.set(table, (carried.get(table) ?? new Set()).add(rowid));
  const claudeMemHome = node.config.environment.claudeMemHome;
  const isPushedHere = (await readSyncPath(node.home, claudeMemHome)).type === 'own';
  const parts = { store: node.store, home: node.home, feeds: node.claudeMemFeeds };
  const inSpace = createRowsOfSpace(replica);
  let changes = 0;
  await node.store.write((tx) => tx.views.clear(replica.space, writer));
  for (const { definition } of rows) {
    const scope = node.memRows.scopeFor(entry.name, rowNames);
    const copied = { ...definition, file, sessionsOnly: false };
    const profile = claudeMemProfile(copied);
    const tableNamed = (id: string): string => profile.tables.find((table) => table.id === id)?.table ?? '';
    // What its worker sent, or got, is told by its feed, and by the item that it is there.
    const sent = definition.sessionsOnly ? sentRows(file, isPushedHere) : new Map<string, ReadonlySet<number>>();
    const worker = definition.sessionsOnly && isPushedHere && as === 'going-on' ? await localWorker({ ...parts, claudeMemHome }) : null;
    const isSentAt = (table: string, rowid: number): boolean => sent.get(tableNamed(table))?.has(rowid) === true;
    const { user = '', device = null } = worker ?? {};
    const told = device === null ? undefined : await toldOfCopy({ ...parts, rows: inSpace, user, device, isSent: isSentAt });
    const views = await viewsForCopy({
      ...{ file, profile, clock, told },
      views: await node.store.read((tx) => tx.views.list(replica.space, ROWS_WRITER)),
      read: (_, content) => inSpace.rowOf(content),
    });
    await node.store.write((tx) => tx.views.put(replica.space, writer, views));
    const { turns } = node.memRows;
    const tableOf = (item: string): string => tableNamed(profile.tableOf(item) ?? '');
    const isSent = ({ name }: Item, rowid: number): boolean => isSentAt(profile.tableOf(name) ?? '', rowid);
    const past = pastOf(copied, replica);
    const only = (workspace: Workspace): Workspace =>
      as === 'going-on' ? withoutAbsences(workspace) : as === 'other' ? onlyUnknown(workspace) : onlyNeverSaid(workspace, past);
    const copy = createRowSource(copied, replica, {
      clock,
      random,
      log: node.log,
      writer,
      scope,
      turns,
      isCopy: true,
      through: (workspace) => withoutOthers(only(workspace), isSent),
    });
    try {
      const report = await copy.source.scan();
      if (copy.health.problem !== null) throw new Error(`the rows of ${file} could not be taken in: ${copy.health.problem}`);
      changes += report.changes;
      for (const view of (await copy.workspace.views()).values()) {
        const rowid =
          view.shown === null || isOutOfScope(view.notHere) ? null : (placeOf(view, profile.tableOf(view.item.name) ?? '')?.rowid ?? null);
        if (rowid !== null) add(tableOf(view.item.name), rowid);
      }
      for (const [table, rows] of sent) for (const rowid of rows) add(table, rowid);
    } finally {
      await copy.close();
    }
  }
  await node.store.write((tx) => tx.views.clear(replica.space, writer));
  return changes;
}
