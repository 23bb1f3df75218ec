import type { Content } from '../../core/content.ts';
import type { FeedEntry } from '../../core/ports/feeds.ts';
import { encodeRow, type Row } from '../../kinds/rows/row-body.ts';
import type { FeedIndex } from './feed-index.ts';
import { layRow } from './op-rows.ts';
import type { RowKind } from './payload.ts';
import type { RowsOfSpace } from './rows-of-space.ts';

/**
 * Rows of a worker's database that another way carried until the worker's own sync took over: what it was shown of them is what the worker's
 * first push of each is made from. Else a row that was deleted elsewhere in between would be taken for news.
 */
export interface HandedOver {
  /** The worker's. */
  readonly device: string;
  /** How rows stood in its database last, by name: more than one content where writing was interrupted, none where the other way had none. */
  shown(names: readonly string[]): Promise<ReadonlyMap<string, readonly Content[]>>;
}

/** Whether nothing was ever said of a row before. */
export function isFirstWord({ entity, number }: FeedEntry, index: FeedIndex): boolean {
  return index.of(entity).every((mark) => mark.number >= number);
}

/** What a pushed row is made from. `isNews`: it says more than that. `row`: laid over it. */
export interface MadeFrom {
  readonly base: Content;
  readonly row: Row;
  readonly isNews: boolean;
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
