import { existsSync } from 'node:fs';
import type { SpaceId } from '../../core/ids.ts';
import { itemKey } from '../../core/item.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Store } from '../../core/ports/store.ts';
import type { Replica } from '../../core/replica/replica.ts';
import type { Applied, Found, Workspace } from '../../core/replica/workspace.ts';
import { createRowsOfSpace, memItem, type RowsOfSpace } from '../../gateways/claude-mem/rows-of-space.ts';
import { MEM_PREFIX, sessionGroup, tableOfName } from '../../kinds/claude-mem/names.ts';
import { encodeRow } from '../../kinds/rows/row-body.ts';
import { claudeMemProfile } from '../../sources/claude-mem/claude-mem-profile.ts';
import { broughtRows, sentRows } from '../../sources/claude-mem/sent-rows.ts';
import { movedOnViews, type BroughtAs, type BroughtRow, type Version } from '../../sources/sqlite-rows/moved-on-views.ts';
import { OF_NO_TABLE } from '../../sources/sqlite-rows/ready-rows.ts';
import type { RowScope } from '../../sources/sqlite-rows/row-scope.ts';
import type { RowDefinition } from '../row-sources.ts';

/** By space: claude-mem's own sync carries, or carried, its rows since the source did. */
const LEFT = 'claude-mem-left';

/** Notes durably that the source carries sessions alone from now on: its views stay as they are, while the worker goes on. */
export async function noteLeft(store: Store, space: SpaceId): Promise<void> {
  if (await isLeft(store, space)) return;
  await store.write((tx) => tx.documents.put(LEFT, space, true));
}

async function isLeft(store: Store, space: SpaceId): Promise<boolean> {
  return (await store.read((tx) => tx.documents.get<boolean>(LEFT, space))) === true;
}

/**
 * Moves the views of the source of claude-mem's database on to what its worker's own sync brought since: else each state that came that way would
 * be taken for an edit of an older one. `brought`: rows that it brought from where no space is; one that was edited since is first captured as it
 * came, where `scope` has it be of this space. O(rows), and the history of each one that is not as the source knows it.
 */
export async function moveOnViews(
  definition: RowDefinition,
  { replica, clock, brought: byHub }: { readonly replica: Replica; readonly clock: Clock; readonly brought?: Brought | undefined },
  workspace: Workspace,
): Promise<void> {
  const { file } = definition;
  const rows = createRowsOfSpace(replica);
  const [sent, brought] = [sentRows(file, true), broughtRows(file)];
  const versions = async (name: string): Promise<Version[]> => {
    const found: Version[] = [];
    for (const content of await rows.versions(name)) {
      const row = await rows.rowOf(content);
      if (row !== null) found.push({ content, row });
    }
    return found;
  };
  const views = await workspace.views();
  const movedOn = await movedOnViews({
    ...{ file, clock, versions, profile: claudeMemProfile({ ...definition, sessionsOnly: false }) },
    views: views.values(),
    isKnownElsewhere: (table, rowid) => sent.get(table)?.has(rowid) === true,
    isBrought: (table, rowid) => brought.get(table)?.has(rowid) === true,
    async alike(name) {
      const group = sessionGroup(name);
      return group === null ? [] : [...(await rows.under(`${MEM_PREFIX}${tableOfName(name)}/${group}/`)).keys()];
    },
    broughtAs: byHub?.as,
  });
  const moved = [...movedOn.moved, ...(await captureBrought(movedOn.brought, byHub?.scope, rows, workspace))];
  const isMoved = new Set(moved.map(({ item }) => itemKey(item)));
  // Left to the worker, their absence would be no deletion. What was shown is what it is made from.
  const back = [...views].flatMap(([key, { item, shown, local, notHere }]) =>
    notHere === OF_NO_TABLE && !isMoved.has(key) ? [{ item, content: shown, local }] : [],
  );
  if (moved.length + back.length > 0) await workspace.applied([...moved, ...back]);
}

/** What a hub without a space brought to a database. */
export interface Brought {
  readonly as: BroughtAs;
  readonly scope: RowScope;
}

/**
 * Rows of other devices that were edited here and are in no space yet: named by the words that they came with, they are the same that their device
 * captures when it comes back from there. Gives their views, by which what they say now is an edit.
 */
async function captureBrought(
  brought: readonly BroughtRow[],
  scope: RowScope | undefined,
  rows: RowsOfSpace,
  workspace: Workspace,
): Promise<Applied[]> {
  const isScoped = ((await scope?.refresh()) ?? null) !== null;
  const free: BroughtRow[] = [];
  for (const row of brought) {
    const verdict = isScoped ? scope?.judge(row.body, row.parent === null ? null : await rows.row(row.parent)) : undefined;
    const isOurs = verdict?.type === 'by-name' ? scope?.judgeName(row.name, false) === null : verdict?.type !== 'out';
    if (isOurs) free.push(row);
  }
  if (free.length === 0) return [];
  const found = free.map(({ name, body }): Found => {
    return { type: 'body', item: memItem(name), attributes: {}, body: encodeRow(body), local: null };
  });
  await workspace.capture(found, { message: `claude-mem: ${free.length} rows as they came from a hub`, writer: workspace.writer });
  const views = await workspace.views(free.map(({ name }) => name));
  return free.flatMap(({ name, local }) => {
    const view = views.get(itemKey(memItem(name)));
    return view?.shown == null ? [] : [{ item: view.item, content: view.shown, local }];
  });
}

/** {@link moveOnViews}, once after the worker carried the rows. */
export function moveOnOnce(
  definition: RowDefinition,
  deps: { readonly replica: Replica; readonly clock: Clock; readonly store: Store; readonly space: SpaceId },
): (workspace: Workspace) => Promise<void> {
  return async (workspace) => {
    const { store, space } = deps;
    if (!existsSync(definition.file) || !(await isLeft(store, space))) return;
    await moveOnViews(definition, deps, workspace);
    await store.write((tx) => tx.documents.remove(LEFT, space));
  };
}
