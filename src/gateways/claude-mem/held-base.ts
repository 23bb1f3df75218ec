import type { Content } from '../../core/content.ts';
import type { FeedEntry, FeedMark } from '../../core/ports/feeds.ts';
import type { Store } from '../../core/ports/store.ts';
import { sameRow } from '../../kinds/rows/collided-columns.ts';
import { sameValue, type Row } from '../../kinds/rows/row-body.ts';
import { digestOf } from './digest.ts';
import type { MadeFrom } from './handed-over.ts';
import { naturalName } from './name-book.ts';
import { layRow, type Payload } from './op-rows.ts';
import type { FeedLook } from './ops-to-items.ts';
import type { RowKind } from './payload.ts';
import { GATEWAY_ORIGIN } from './plan-push.ts';
import type { RowsOfSpace } from './rows-of-space.ts';
import type { OpBody } from './schema.ts';

/** Up to where in the feed of its user a device's rows are written into its database, which is on this machine. */
export interface WrittenTo {
  readonly device: string;
  readonly epoch: string;
  readonly number: number;
}

const WRITTEN = 'claude-mem-passed-over';

/** `null` where nothing ever was. */
export async function readWrittenTo(store: Store, user: string): Promise<WrittenTo | null> {
  return (await store.read((tx) => tx.documents.get<WrittenTo>(WRITTEN, user))) ?? null;
}

export async function saveWrittenTo(store: Store, user: string, written: WrittenTo): Promise<void> {
  await store.write((tx) => tx.documents.put(WRITTEN, user, written));
}

/**
 * What the device had of a row that it says more of now: its own last word, since its client passes over all that is served under its own id;
 * or, later than that, what its machine's node wrote into its database before this word. `null` where there is none, or it is not known any more.
 */
export async function heldBefore(
  { entity, number, origin }: Pick<FeedEntry, 'entity' | 'number' | 'origin'>,
  { index, entry }: Pick<FeedLook, 'index' | 'entry'>,
  written: WrittenTo | null,
): Promise<Payload | null> {
  // Where the node's last writing came after this word, what was written before it is not known: the device's own word then.
  const upTo = written?.device === origin && written.number < number ? written.number : 0;
  const isHeld = (mark: FeedMark): boolean =>
    mark.number < number && (mark.origin === origin || (mark.origin === GATEWAY_ORIGIN && mark.number <= upTo));
  const mark = index.of(entity).filter(isHeld).at(-1);
  const found = mark === undefined ? null : await entry(mark.number);
  const text = found?.said ?? found?.body;
  // Another op stands in place of what was erased, and of a double whose words versions before 2026-12 did not keep.
  if (found === null || text === undefined || digestOf(text) !== found.digest) return null;
  const says = JSON.parse(text) as OpBody;
  return says.kind === 'mutation' || says.deleted ? null : says.payload;
}

/** A row with those columns changed that the device changed between the two. */
export function layEdits(row: Row, held: Row, says: Row): Row {
  const laid = new Map(row);
  for (const column of new Set([...held.keys(), ...says.keys()])) {
    const value = says.get(column);
    if (sameValue(value, held.get(column))) continue;
    if (value === undefined) laid.delete(column);
    else laid.set(column, value);
  }
  return laid;
}

/**
 * What a row is made from whose device had it as `held`, while the space has another state of it: else what was edited elsewhere, and that the
 * device does not know, would be undone by its next word. `null` where the space has what the device had, or says what it says now. Costs
 * reading versions until one is what the device had.
 */
export async function madeFromHeld(
  kind: RowKind,
  { name, row, held }: { readonly name: string; readonly row: Row; readonly held: Row },
  current: Row,
  rows: Pick<RowsOfSpace, 'rowOf' | 'said'>,
): Promise<MadeFrom | null> {
  const [laid, before] = [layRow(kind, row, current), layRow(kind, held, current)];
  if (sameRow(before, current) || sameRow(laid, current)) return null;
  const wanted = layEdits(current, before, laid);
  const [now, ...past] = await rows.said(name);
  if (now !== undefined && isFree(current, before, laid)) {
    const told = await toldBefore(past, { wanted, words: naturalName(name, laid) }, name, rows);
    return { base: now, row: wanted, isNews: !sameRow(wanted, current), told };
  }
  let nearest: { readonly base: Content; readonly row: Row; readonly near: number } | null = null;
  for (const base of now === undefined ? past : [now, ...past]) {
    const there = await rows.rowOf(base);
    if (there === null) continue;
    const edited = layEdits(there, held, row);
    if (sameRow(layRow(kind, held, there), there)) return { base, row: edited, isNews: !sameRow(edited, there) };
    // The edits have to be edits of it, and what clients are told by the device to be other than what they are to have.
    const areEdits = sameRow(layEdits(there, row, held), there);
    if (!areEdits || sameRow(edited, wanted)) continue;
    const near = [...held].filter(([column, value]) => sameValue(value, there.get(column))).length;
    if (nearest === null || near > nearest.near) nearest = { base, row: edited, near };
  }
  if (nearest === null) return { base: null, row: laid, isNews: true };
  return { base: nearest.base, row: nearest.row, isNews: !sameRow(row, held) };
}

/**
 * As {@link madeFromHeld}, where the body of what the space has now cannot be read: what the device had tells what it edited, without that. `null`
 * where what it had cannot be read either.
 */
export async function madeFromUnread(
  kind: RowKind,
  { name, row, held }: { readonly name: string; readonly row: Row; readonly held: Row },
  rows: Pick<RowsOfSpace, 'rowOf' | 'said'>,
): Promise<MadeFrom | null> {
  for (const base of await rows.said(name)) {
    const there = await rows.rowOf(base);
    if (there === null || !sameRow(layRow(kind, held, there), there)) continue;
    const edited = layEdits(there, held, row);
    return { base, row: edited, isNews: !sameRow(edited, there) };
  }
  return null;
}

/** Whether nobody else changed what was edited between the two, as far as the space says now. */
function isFree(current: Row, held: Row, says: Row): boolean {
  return [...new Set([...held.keys(), ...says.keys()])].every((column) => {
    const [now, from, to] = [current.get(column), held.get(column), says.get(column)];
    return sameValue(from, to) || sameValue(now, from) || sameValue(now, to);
  });
}

/** A state that is not the one that clients are to have, told by the words that the device tells it by, where there is one; `null` for none. */
async function toldBefore(
  past: readonly Content[],
  { wanted, words }: { readonly wanted: Row; readonly words: string | null },
  name: string,
  { rowOf }: Pick<RowsOfSpace, 'rowOf'>,
): Promise<Content | null> {
  let other: Content | null = null;
  for (const content of past) {
    const there = await rowOf(content);
    if (there === null || sameRow(there, wanted)) continue;
    if (naturalName(name, there) === words) return content;
    other ??= content;
  }
  return other;
}
