import type { Content } from '../../core/content.ts';
import { itemKey } from '../../core/item.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { View } from '../../core/ports/store.ts';
import type { Applied } from '../../core/replica/workspace.ts';
import { sameValue, type Row, type RowValue } from '../../kinds/rows/row-body.ts';
import type { RowsProfile } from './profile.ts';
import { createRowDatabase } from './row-database.ts';
import { noteOf, placeOf, type Place } from './row-index.ts';
import { isOutOfScope } from './row-scope.ts';
import { impliedRow, isSameRow, newBody } from './shown-form.ts';
import type { FoundRow, TableAccess } from './table-access.ts';
import type { TableShape } from './table-shape.ts';
import { tablePages } from './table-pages.ts';

/** What an item was at some time. */
export interface Version {
  readonly content: Content;
  readonly row: Row;
}

export interface MovedOnDeps {
  readonly file: string;
  readonly profile: RowsProfile;
  readonly clock: Clock;
  /** What the source was shown, or captured, last. */
  readonly views: Iterable<View>;
  /** What an item is and was, the newest first; empty where it is not in the space. */
  readonly versions: (name: string) => Promise<readonly Version[]>;
  /** Whether another way sent this row, or brought it: then it is in the space, by whatever words. `table` as the database calls it. */
  readonly isKnownElsewhere: (table: string, rowid: number) => boolean;
  /** Whether another way brings what becomes of this row elsewhere, each state of it. Of others nobody knows which they were given. */
  readonly isBrought: (table: string, rowid: number) => boolean;
  /** Names of items that may be the same row under other words. */
  readonly alike: (name: string) => Promise<readonly string[]>;
  /** As what another way brought a row that says something else by now; `null` where nobody knows. */
  readonly broughtAs?: BroughtAs | undefined;
}

/** Views that are to be moved on, and rows that are in the space by no way, and were edited since they were brought. */
export interface MovedOn {
  readonly moved: readonly Applied[];
  readonly brought: readonly BroughtRow[];
}

/** By the row's place: each column that was told, `null` where it was told to be empty. `table` as the database calls it. */
export type BroughtAs = (table: string, rowid: number) => ReadonlyMap<string, RowValue | null> | null;

/** As it was brought. */
export interface BroughtRow {
  readonly name: string;
  readonly body: Row;
  /** The name of the row that it refers to. */
  readonly parent: string | null;
  /** The note on its view, by which it is found to be another by now. */
  readonly local: string;
}
/** A digest that no row has. */
const OTHER_DIGEST = '0'.repeat(16);

/** A row that no view tells of under its number. */
interface Unknown {
  readonly access: TableAccess;
  readonly found: FoundRow;
  readonly natural: string;
  readonly parent: string | null;
}

/**
 * What the rows of a database are made from that another way wrote meanwhile: states that an item had since its view are what that way brought, and
 * no edits; what no state had is an edit of the newest state that it fits, or of the oldest, where nobody knows that it had a newer one. A row that another way brought under words that were edited since is the
 * one item that was made with it and says most of the same. O(rows), and the history of each one that is not as it was shown.
 */
export async function movedOnViews(deps: MovedOnDeps): Promise<MovedOn> {
  const { file, profile, clock } = deps;
  const views = new Map<string, View>();
  const places = new Map<string, Place>();
  for (const view of deps.views) {
    const table = profile.tableOf(view.item.name);
    const place = table === null || view.shown === null ? null : placeOf(view, table);
    if (place === null) continue;
    views.set(view.item.name, view);
    if (place.rowid !== null) places.set(placeKey(place.table, place.rowid), place);
  }
  const moved: Applied[] = [];
  const brought: BroughtRow[] = [];
  const database = createRowDatabase(file, profile, clock);
  try {
    if (database.look() === 'missing') return { moved, brought };
    /** By number, of the rows that others refer to. */
    const names = new Map<string, string>();
    /** Items that stand somewhere. */
    const taken = new Set<string>();
    for (const [table, access] of database.tables()) {
      const unknown: Unknown[] = [];
      for await (const page of tablePages(database, access)) {
        for (const found of page) {
          const parent = parentOf(access, found, names);
          const place = places.get(placeKey(table, found.rowid));
          const isAsShown = place !== undefined && place.digest === found.digest && place.mask === access.shape.mask;
          const name = place !== undefined && (isAsShown || (await follow(access, found, place))) ? place.name : null;
          const natural = name ?? access.shape.profile.nameOf(impliedRow(access.shape, newBody(access.shape, found.row, parent)));
          if (natural !== null) names.set(placeKey(table, found.rowid), natural);
          if (name !== null) taken.add(name);
          else if (natural !== null) unknown.push({ access, found, natural, parent });
        }
      }
      // Those that stand there by their own words first: what is left may be another one's former words.
      const reworded: Unknown[] = [];
      for (const row of unknown) if (!(await takeNatural(row))) reworded.push(row);
      for (const row of reworded) if (!(await takeBrought(row))) await takeReworded(row);
    }

    function madeFrom(shape: TableShape, { row, rowid }: FoundRow, versions: readonly Version[]): MadeFrom | null {
      return editOf(shape, row, versions, deps.isBrought(shape.profile.table, rowid));
    }

    /** From its view on: what it was before that is brought by nobody. */
    async function versionsSince(name: string): Promise<readonly Version[]> {
      const all = await deps.versions(name);
      const from = all.findIndex(({ content }) => content.digest === views.get(name)?.shown?.digest);
      return from < 0 ? all : all.slice(0, from + 1);
    }

    /** Whether the row that stood there is that one still. */
    async function follow({ shape }: TableAccess, found: FoundRow, { name }: Place): Promise<boolean> {
      const since = await versionsSince(name);
      const known = since.at(-1);
      if (known === undefined || !isSameRow(known.row, shape, found.row)) return known === undefined;
      note(shape, found, name, madeFrom(shape, found, since));
      return true;
    }

    async function takeNatural({ access, found, natural }: Unknown): Promise<boolean> {
      if (taken.has(natural)) return false;
      const versions = await versionsSince(natural);
      if (versions.length === 0) return false;
      taken.add(natural);
      note(access.shape, found, natural, madeFrom(access.shape, found, versions));
      return true;
    }

    /** One that is known by what it was brought as. */
    async function takeBrought({ access: { shape }, found, parent }: Unknown): Promise<boolean> {
      const before = deps.broughtAs?.(shape.profile.table, found.rowid) ?? null;
      if (before === null) return false;
      const body = newBody(shape, asBefore(shape, found.row, before), parent);
      const name = shape.profile.nameOf(impliedRow(shape, body));
      if (name === null || taken.has(name) || (shape.profile.reference !== null && parent === null)) return false;
      taken.add(name);
      const versions = await versionsSince(name);
      if (versions.length > 0) note(shape, found, name, madeFrom(shape, found, versions));
      else brought.push({ name, body, parent, local: noteOf(found.rowid, OTHER_DIGEST, shape.mask) });
      return true;
    }

    async function takeReworded({ access: { shape }, found, natural, parent }: Unknown): Promise<void> {
      if (!deps.isKnownElsewhere(shape.profile.table, found.rowid)) return;
      let best: { readonly name: string; readonly from: MadeFrom; readonly near: number } | null = null;
      let isSure = true;
      for (const name of await deps.alike(natural)) {
        if (taken.has(name)) continue;
        const versions = (await versionsSince(name)).filter(({ row }) => isSameRow(row, shape, found.row) && isOf(shape, row, parent));
        const from = madeFrom(shape, found, versions);
        if (from === null || from.sameWords === 0) continue;
        if (best !== null && best.near === from.near) isSure = false;
        if (best === null || from.near > best.near) [best, isSure] = [{ name, from, near: from.near }, true];
      }
      if (best === null || !isSure) return;
      taken.add(best.name);
      note(shape, found, best.name, best.from);
    }

    function note(shape: TableShape, found: FoundRow, name: string, from: MadeFrom | null): void {
      const view = views.get(name);
      const isWriting = view !== undefined && view.intended !== null; // what became of that the source finds out
      // No way brings what is another place's: it is made from what it was when it was left.
      if (from === null || isWriting || isOutOfScope(view?.notHere)) return;
      const item = { kind: profile.kind, name };
      const digest = from.isEdited ? OTHER_DIGEST : found.digest;
      moved.push({ item, content: from.version.content, local: noteOf(found.rowid, digest, shape.mask) });
    }
  } finally {
    database.close();
  }
  const byItem = new Map(moved.map((each) => [itemKey(each.item), each]));
  return { moved: [...byItem.values()], brought };
}

/** What stood there when the columns that were told said so. */
function asBefore({ columns }: TableShape, found: Row, told: ReadonlyMap<string, RowValue | null>): Row {
  const row = new Map(found);
  for (const { column, byDefault } of columns) {
    const value = told.get(column);
    if (value === undefined || sameMeaning(found.get(column), value ?? byDefault ?? undefined)) continue;
    if (value === null) row.delete(column);
    else row.set(column, value);
  }
  return row;
}

interface MadeFrom {
  readonly version: Version;
  readonly isEdited: boolean;
  /** In how many columns it is as some version; of these, how many are words of its own. */
  readonly near: number;
  readonly sameWords: number;
}

/**
 * The version of which a row is an edit in those columns alone that say what no version said; `null` where there is none. Columns that are worked
 * out are each machine's own. Of several the newest, where each came to the row (`hasEach`); else the oldest: of a newer one that it never was it
 * would undo, without a word, what was edited elsewhere in these columns.
 */
function editOf({ columns, profile }: TableShape, found: Row, versions: readonly Version[], hasEach: boolean): MadeFrom | null {
  const told = columns.filter(({ column }) => !(column in profile.derived));
  const isAs = (row: Row, { column, byDefault }: TableShape['columns'][number]): boolean =>
    sameMeaning(row.get(column) ?? byDefault ?? undefined, found.get(column));
  const unedited = told.filter((column) => versions.some(({ row }) => isAs(row, column)));
  const isEdited = unedited.length < told.length;
  const isFrom = ({ row }: Version): boolean => unedited.every((column) => isAs(row, column));
  const version = isEdited && !hasEach ? versions.findLast(isFrom) : versions.find(isFrom);
  if (version === undefined) return null;
  const words = unedited.filter(({ column }) => profile.words.includes(column) && found.has(column));
  return { version, isEdited, near: unedited.length, sameWords: words.length };
}

function sameMeaning(a: RowValue | undefined, b: RowValue | undefined): boolean {
  if (sameValue(a, b)) return true;
  // JSON can be spelled in more than one way.
  if (typeof a !== 'string' || typeof b !== 'string' || !/^\s*[[{]/.test(a) || !/^\s*[[{]/.test(b)) return false;
  try {
    return JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function isOf({ profile: { reference } }: TableShape, row: Row, parent: string | null): boolean {
  return reference === null || (row.get(reference.key) ?? null) === parent;
}

function placeKey(table: string, rowid: number): string {
  return `${table} ${rowid}`;
}

function parentOf({ shape }: TableAccess, { parent }: FoundRow, names: ReadonlyMap<string, string>): string | null {
  const { reference } = shape.profile;
  return reference === null || typeof parent !== 'number' ? null : (names.get(placeKey(reference.table, parent)) ?? null);
}
