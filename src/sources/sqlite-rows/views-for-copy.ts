import { itemKey, type Item } from '../../core/item.ts';
import type { Content } from '../../core/content.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { View } from '../../core/ports/store.ts';
import type { Row } from '../../kinds/rows/row-body.ts';
import type { RowsProfile } from './profile.ts';
import { createRowDatabase } from './row-database.ts';
import { noteOf, placeOf, type Place } from './row-index.ts';
import { OF_NO_TABLE } from './ready-rows.ts';
import { impliedRow, isSameRow, newBody } from './shown-form.ts';
import type { FoundRow, TableAccess } from './table-access.ts';
import { tablePages } from './table-pages.ts';

export interface CopyDeps {
  /** The copy. Nobody else has it open. */
  readonly file: string;
  readonly profile: RowsProfile;
  readonly clock: Clock;
  /** Of the database that it is a copy of, or was the same as until one of them went on alone. */
  readonly views: Iterable<View>;
  /** `null` where its body cannot be had now. */
  readonly read: (item: Item, content: Content) => Promise<Row | null>;
  /** Which item a row of the copy is that another way carries, and which state of it was there last; `null`: nobody knows. */
  readonly told?: ((table: string, row: FoundRow, parent: string | null) => Promise<ToldRow | null>) | undefined;
}

export interface ToldRow {
  readonly item: Item;
  readonly content: Content;
}

/** A row of the copy that is told by other words than the one that stood at its place. */
interface Reworded {
  readonly found: FoundRow;
  readonly place: Place;
  readonly natural: string | null;
  readonly parent: string | null;
}
/** No row's digest: it is compared with what it was. */
const OTHERWISE = '0'.repeat(16);

/**
 * What the rows of a copy are made from: what its source was shown, and where that stands in the copy, as far as it is sure to be the same
 * row: by its words, or by all that no edit changes. A number alone says little, since two databases may have gone on from there. With these
 * views a row that was edited is an edit, and one that is as it was shown is no wish. O(rows), and the body of each one that says otherwise.
 */
export async function viewsForCopy({ file, profile, clock, views: all, read, told }: CopyDeps): Promise<View[]> {
  const views = new Map<string, View>();
  const places = new Map<string, Place>();
  for (const view of all) {
    if (view.shown === null || (view.notHere !== null && view.notHere !== OF_NO_TABLE)) continue;
    views.set(itemKey(view.item), view);
    const table = profile.tableOf(view.item.name);
    const place = table === null ? null : placeOf(view, table);
    if (place !== null && place.rowid !== null) places.set(placeKey(place.table, place.rowid), place);
  }
  const sure = new Set<string>();
  const toldViews = new Map<string, View>();
  /** Whether anything of what was shown stands in the copy. */
  let isRelated = false;
  const database = createRowDatabase(file, profile, clock);
  try {
    if (database.look() === 'missing') return [];
    /** By number, of the rows that others refer to. */
    const names = new Map<string, string>();
    for (const [table, access] of database.tables()) {
      const naturals = new Set<string>();
      const reworded: Reworded[] = [];
      for await (const page of tablePages(database, access)) {
        for (const found of page) {
          const parent = parentOf(access, found, names);
          const known = (await told?.(table, found, parent)) ?? null;
          if (known !== null) {
            const local = noteOf(found.rowid, OTHERWISE, access.shape.mask);
            toldViews.set(itemKey(known.item), { item: known.item, shown: known.content, intended: null, notHere: null, local });
            continue;
          }
          const natural = access.shape.profile.nameOf(impliedRow(access.shape, newBody(access.shape, found.row, parent)));
          if (natural !== null) naturals.add(natural);
          if (natural !== null && views.has(itemKey({ kind: profile.kind, name: natural }))) isRelated = true;
          const place = places.get(placeKey(table, found.rowid));
          const isSame =
            place !== undefined && (place.name === natural || (place.digest === found.digest && place.mask === access.shape.mask));
          if (isSame) sure.add(place.name);
          else if (place !== undefined) reworded.push({ found, place, natural, parent });
          const name = isSame ? place.name : natural;
          if (name !== null) names.set(placeKey(table, found.rowid), name);
        }
      }
      for (const row of reworded) if (await isEdited(access, row, naturals)) sure.add(row.place.name);
    }
  } finally {
    database.close();
  }
  // Of another database altogether, which lacks them all, nothing would be taken before somebody is asked.
  if (!isRelated && sure.size === 0) return [...toldViews.values()];
  const before = [...views.values()].map(({ item, shown, local }) => ({
    ...{ item, shown, intended: null, notHere: null },
    local: sure.has(item.name) ? local : null,
  }));
  return [...before.filter(({ item }) => !toldViews.has(itemKey(item))), ...toldViews.values()];

  /** Whether it is the row that stood there: what that one said stands nowhere else, what it says by now is nobody else's name. */
  async function isEdited(
    { shape }: TableAccess,
    { found, place, natural, parent }: Reworded,
    naturals: ReadonlySet<string>,
  ): Promise<boolean> {
    const item: Item = { kind: profile.kind, name: place.name };
    const { shown = null } = views.get(itemKey(item)) ?? {};
    if (shown === null || (natural !== null && views.has(itemKey({ kind: profile.kind, name: natural })))) return false;
    const base = await read(item, shown);
    if (base === null || !isSameRow(base, shape, found.row)) return false;
    const { reference, nameOf } = shape.profile;
    if (reference !== null && (base.get(reference.key) ?? null) !== parent) return false;
    const before = nameOf(impliedRow(shape, base));
    return before === null || !naturals.has(before);
  }
}

function placeKey(table: string, rowid: number): string {
  return `${table} ${rowid}`;
}

function parentOf({ shape }: TableAccess, { parent }: FoundRow, names: ReadonlyMap<string, string>): string | null {
  const { reference } = shape.profile;
  return reference === null || typeof parent !== 'number' ? null : (names.get(placeKey(reference.table, parent)) ?? null);
}
