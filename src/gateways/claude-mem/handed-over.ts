import type { Content } from '../../core/content.ts';
import type { FeedEntry } from '../../core/ports/feeds.ts';
import { sessionGroup } from '../../kinds/claude-mem/names.ts';
import { SESSION } from '../../kinds/claude-mem/tables.ts';
import { encodeRow, type Row } from '../../kinds/rows/row-body.ts';
import type { FeedIndex } from './feed-index.ts';
import { layRow, type NamedRow } from './op-rows.ts';
import type { RowKind } from './payload.ts';
import type { RowsOfSpace } from './rows-of-space.ts';

/**
 * Rows of a worker's database that another way carried until the worker's own sync took over: what it was shown of them is what the worker's
 * first push of each is made from. Else a row that was deleted elsewhere in between would be taken for news.
 */
export interface HandedOver {
  /** The worker's. */
  readonly device: string;
  /** The item that stood in its database under this number last, by whatever words it was known; `null`: none did. */
  nameAt(kind: RowKind, local: string): Promise<string | null>;
  /** Sessions as they stand in its database now, whatever became of them elsewhere, by name. O(sessions). */
  sessions(): Promise<ReadonlyMap<string, Content>>;
  /** How rows stood in its database last, by name: more than one content where writing was interrupted, none where the other way had none. */
  shown(names: readonly string[]): Promise<ReadonlyMap<string, readonly Content[]>>;
}

/** With what of it counts for what a row is made from. */
export interface Untold extends HandedOver {
  /** {@link shown}, without rows that clients hold otherwise: what they were told last is what such a row is made from. */
  untold(names: readonly string[]): Promise<ReadonlyMap<string, readonly Content[]>>;
}

/** Whether nothing was ever said of a row before. */
export function isFirstWord({ entity, number }: FeedEntry, index: FeedIndex): boolean {
  return index.of(entity).every((mark) => mark.number >= number);
}

/**
 * Whether a row that was shown as one of these, under the number that this row has, is the same by what no edit changes: a number may be
 * another row's in a database that was made anew. Of a body that was forgotten the session alone is known, which `name` says.
 */
export async function isSameByPlace(name: string, named: NamedRow, shown: readonly Content[], rows: RowsOfSpace): Promise<boolean> {
  for (const content of shown) {
    const there = await rows.rowOf(content);
    if (there !== null) return isSameRowOf(there, named.row);
    if (await rows.isForgotten(content)) return sessionGroup(name) === sessionGroup(named.name);
  }
  return false;
}

/** Whether two states may be of one row, by what no edit changes. */
export function isSameRowOf(a: Row, b: Row): boolean {
  return [SESSION, 'created_at_epoch'].every((column) => a.get(column) === b.get(column));
}

/** What a pushed row is made from; `base: null`: nobody knows. `isNews`: it says more than that. `row`: laid over it. */
export interface MadeFrom {
  readonly base: Content | null;
  readonly row: Row;
  readonly isNews: boolean;
  /** Where clients, who have the device's word, are to be told what comes of it: what they count as shown, which is another state. */
  readonly told?: Content | null;
}

/**
 * `null` where what was shown cannot be read now, and so nobody can tell. A body that was forgotten is gone for good, and was what stood
 * there: it is no news.
 */
export async function madeFrom(kind: RowKind, row: Row, shown: readonly Content[], rows: RowsOfSpace): Promise<MadeFrom | null> {
  let edited: MadeFrom | null = null;
  for (const base of shown) {
    const there = await rows.rowOf(base);
    if (there === null && (await rows.isForgotten(base))) return { base, row, isNews: false };
    if (there === null) continue;
    const laid = layRow(kind, row, there);
    if (sameRow(laid, there)) return { base, row: laid, isNews: false };
    edited ??= { base, row: laid, isNews: true };
  }
  return edited;
}

function sameRow(a: Row, b: Row): boolean {
  return Buffer.compare(encodeRow(a), encodeRow(b)) === 0;
}
