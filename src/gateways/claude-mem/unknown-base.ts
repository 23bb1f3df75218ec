import type { Content } from '../../core/content.ts';
import { sameRow } from '../../kinds/rows/collided-columns.ts';
import { sameValue, type Row, type RowValue } from '../../kinds/rows/row-body.ts';
import type { MadeFrom } from './handed-over.ts';
import { layRow, type NamedRow } from './op-rows.ts';
import type { RowKind } from './payload.ts';
import type { RowsOfSpace } from './rows-of-space.ts';

/**
 * What a row is made from that its device tells of first, while the space has another state of it: its database had the row by a way that
 * nobody noted (a source, a copied file), maybe from before an edit that was made elsewhere. Taken as made from what the space holds now, it
 * would undo that edit.
 *
 * A column that says what the row said at any time is none that the device changed. Where such a column tells that the device has the row as it
 * was at some time, the others are its edits of that: each merges, unless it was changed elsewhere as well. Else nothing is known, and what
 * differs is a conflict. `known`: what clients were told of it last, or what was captured of these very words before a crash; `null` for nothing.
 * `null` where the row says what it says now. Costs reading each version.
 */
export async function madeFromHistory(
  kind: RowKind,
  { name, row }: NamedRow,
  { current, known }: { readonly current: Row; readonly known: Content | null },
  rows: Pick<RowsOfSpace, 'rowOf' | 'versions'>,
): Promise<MadeFrom | null> {
  const laid = layRow(kind, row, current);
  if (sameRow(laid, current)) return null;
  const versionOf = async (content: Content): Promise<Version | null> => {
    const there = await rows.rowOf(content);
    return there === null ? null : { content, row: there, said: layRow(kind, row, there) };
  };
  const told = known === null ? null : await versionOf(known);
  if (told !== null && sameRow(told.said, told.row)) return { base: told.content, row: told.row, isNews: false };
  const held: Version[] = [];
  for (const content of await rows.versions(name)) held.push(...[await versionOf(content)].filter((version) => version !== null));
  const columns = new Set([row, ...held.map((version) => version.row)].flatMap((each) => [...each.keys()]));
  const oldest = held.at(-1);
  const isKnown = [...columns].some((column) => isSaid(column, held) && held.some((version) => !isAsIn(column, version)));
  if (oldest === undefined || !isKnown) return { base: null, row: laid, isNews: true };
  const edited = new Map<string, RowValue>();
  for (const column of columns) {
    const value = (isSaid(column, held) ? oldest.row : oldest.said).get(column);
    if (value !== undefined) edited.set(column, value);
  }
  return { base: oldest.content, row: edited, isNews: !sameRow(edited, oldest.row) };
}

/** What a row held, and what the device says laid over it. */
interface Version {
  readonly content: Content;
  readonly row: Row;
  readonly said: Row;
}

function isAsIn(column: string, { row, said }: Version): boolean {
  return sameValue(said.get(column), row.get(column));
}

function isSaid(column: string, held: readonly Version[]): boolean {
  return held.some((version) => isAsIn(column, version));
}
