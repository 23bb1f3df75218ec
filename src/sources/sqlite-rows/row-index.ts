import type { View } from '../../core/ports/store.ts';
import type { PlannedRow } from './row-task.ts';

/** Where an item stands, and what it looked like when it was shown or captured last. */
export interface Place {
  readonly name: string;
  readonly table: string;
  /** `null`: it was shown, and where it stands is not known. */
  readonly rowid: number | null;
  readonly digest: string;
  /** Which columns it was shown with. */
  readonly mask: string;
}

/** A row that is no item of its own now. */
export interface SkippedRow {
  readonly digest: string;
  readonly reason: string;
  /** The item that it repeats. */
  readonly repeats: string | null;
}

/** What is shown in the database, by place and by name. Derived from the views; memory: some 300 bytes a row. */
export class RowIndex {
  readonly #byName = new Map<string, Place>();
  readonly #byRow = new Map<string, Map<number, Place>>();
  readonly #skipped = new Map<string, Map<number, SkippedRow>>();
  readonly #left = new Map<string, Map<number, Place>>();
  /** Tables and masks: what comes from elsewhere has a copy of them with every row. */
  readonly #words = new Map<string, string>();

  at(table: string, rowid: number): Place | undefined {
    return this.#byRow.get(table)?.get(rowid);
  }

  of(name: string): Place | undefined {
    return this.#byName.get(name);
  }

  set(given: Place): void {
    const place = { ...given, table: this.#word(given.table), mask: this.#word(given.mask) };
    this.delete(place.name);
    this.#byName.set(place.name, place);
    if (place.rowid === null) return;
    const displaced = this.at(place.table, place.rowid);
    if (displaced !== undefined) this.set({ ...displaced, rowid: null });
    this.#of(this.#byRow, place.table).set(place.rowid, place);
    this.#skipped.get(place.table)?.delete(place.rowid);
  }

  delete(name: string): void {
    const known = this.#byName.get(name);
    if (known === undefined) return;
    this.#byName.delete(name);
    if (known.rowid !== null) this.#byRow.get(known.table)?.delete(known.rowid);
  }

  /** It is another place's by now: nothing here speaks of it, until that changes. */
  leave(place: Place): void {
    this.delete(place.name);
    if (place.rowid !== null) this.#of(this.#left, place.table).set(place.rowid, place);
  }

  /** The place at that number that was left, which is known here again. Where it is as it was shown, or not, is to be looked at. */
  takeBack(table: string, rowid: number): void {
    const left = this.#left.get(table)?.get(rowid);
    if (left === undefined || this.at(table, rowid) !== undefined || this.of(left.name) !== undefined) return;
    this.#left.get(table)?.delete(rowid);
    this.set({ ...left, digest: '' });
  }

  skip(table: string, rowid: number, row: SkippedRow): void {
    this.#of(this.#skipped, table).set(rowid, row);
  }

  skipped(table: string): ReadonlyMap<number, SkippedRow> {
    return this.#skipped.get(table) ?? new Map();
  }

  unskipRow(table: string, rowid: number): void {
    this.#skipped.get(table)?.delete(rowid);
  }

  unskip(table: string): void {
    this.#skipped.delete(table);
  }

  rows(table: string): ReadonlyMap<number, Place> {
    return this.#byRow.get(table) ?? new Map();
  }

  names(): IterableIterator<string> {
    return this.#byName.keys();
  }

  places(): IterableIterator<Place> {
    return this.#byName.values();
  }

  get size(): number {
    return this.#byName.size;
  }

  clear(): void {
    this.#byName.clear();
    this.#byRow.clear();
    this.#skipped.clear();
    this.#left.clear();
  }

  #word(word: string): string {
    const known = this.#words.get(word);
    if (known === undefined) this.#words.set(word, word);
    return known ?? word;
  }

  #of<T>(map: Map<string, Map<number, T>>, table: string): Map<number, T> {
    const known = map.get(table) ?? new Map<number, T>();
    map.set(table, known);
    return known;
  }
}

/** The writer's note on a view. */
export function noteOf(rowid: number, digest: string, mask: string): string {
  return `${rowid} ${digest} ${mask}`;
}

/** The note on a view of a row that is about to be new: where it is to stand. */
export function plannedNoteOf({ rowid, first }: PlannedRow, mask: string): string {
  return `+${rowid} ${mask}${first === null ? '' : ` ${first}`}`;
}

/** Whether a new row was about to be written when its process ended. */
export function isPlanned({ intended, notHere, local }: View): boolean {
  return intended?.content != null && notHere === null && local?.startsWith('+') === true;
}

/** What such a note says. */
export function plannedOf({ local }: View): (PlannedRow & { readonly mask: string }) | null {
  const [, rowid, mask, first] = /^\+(\d{1,16}) ([0-9a-f]{1,32})(?: (\d{1,16}))?$/.exec(local ?? '') ?? [];
  return rowid === undefined || mask === undefined
    ? null
    : { rowid: Number(rowid), mask, first: first === undefined ? null : Number(first) };
}

export function placeOf(view: View, table: string): Place | null {
  const [, rowid, digest, mask] = /^(\d{1,16}) ([0-9a-f]{16}) ([0-9a-f]{1,32})$/.exec(view.local ?? '') ?? [];
  const { name } = view.item;
  // What cannot be shown any more still stands there as it was shown.
  const isPlaced = rowid !== undefined && digest !== undefined && mask !== undefined;
  // It is held anew, and was not captured as that yet.
  if (view.shown === null) return isPlaced ? { name, table, rowid: Number(rowid), digest: '', mask } : null;
  if (!isPlaced && view.notHere !== null) return null;
  if (!isPlaced) return { name, table, rowid: null, digest: '', mask: '0' };
  return { name, table, rowid: Number(rowid), digest, mask };
}
