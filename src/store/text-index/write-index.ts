import { foundDigits } from '../../core/found-id.ts';
import type { SpaceId } from '../../core/ids.ts';
import { itemKey } from '../../core/item.ts';
import { IndexMoved, SHELVES, type IndexChange, type IndexMark } from '../../core/ports/text-index.ts';
import { compactBlocks } from './compact-blocks.ts';
import { foldChanges, type FoldedChange } from './fold-changes.ts';
import { takeTurn, type AskIndex, type IndexDatabase } from './index-database.ts';
import { countWords, indexWords, isWorded, type WordedPassage } from './index-words.ts';
import { writeWords } from './write-words.ts';

/** Rows of one statement. */
const ROWS = 2_000;

/** What another process may have changed: `undefined` where nobody looked. */
export type Generation = number | undefined;

/** Answers the space's generation from then on. Throws {@link IndexMoved}. */
export async function writeIndex(
  database: IndexDatabase,
  space: SpaceId,
  changes: readonly IndexChange[],
  { seen, mark, split }: { readonly seen: Generation; readonly mark: IndexMark | undefined; readonly split: (text: string) => string[] },
): Promise<number> {
  const { items, dropped } = foldChanges(changes);
  const passages = items.flatMap((folded) => folded.added.map(({ ordinal, passage }) => ({ folded, ordinal, passage })));
  // Cut into words before anything is held that others wait for. Numbers that are not used after all are no loss.
  const first = passages.length === 0 ? 0 : await database.write((ask) => takeNumbers(ask, passages.length));
  const placed = passages.map((each, index) => ({ ...each, number: first + index }));
  const worded: WordedPassage[] = placed.filter(({ passage }) => isWorded(passage));
  const { blocks, words } = await indexWords(worded, split);
  const gone = dropped.filter(isWorded);
  const added = { passages: worded.length + gone.length, words: words + countWords(gone, split) };

  return database.write(async (ask) => {
    const generation = (await takeTurn(ask)).generation + 1;
    const number = await spaceNumber(ask, space, seen);
    const dead = await cut(ask, number, items);
    const numbers = await putItems(ask, number, items);
    for (const rows of slices(placed)) {
      await ask(
        `insert into index_passages (number, item, ordinal, shelf, type, project, session, time, title, start, length, worded)
          select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[],
          $10::bigint[], $11::bigint[], $12::bigint[])`,
        [
          rows.map((row) => row.number),
          rows.map(({ folded }) => numbers.get(itemKey(folded.item)) as number),
          rows.map(({ ordinal }) => ordinal),
          rows.map(({ passage }) => SHELVES.indexOf(passage.shelf)),
          rows.map(({ passage }) => passage.type),
          rows.map(({ passage }) => passage.project),
          rows.map(({ passage }) => passage.session),
          rows.map(({ passage }) => passage.time),
          rows.map(({ passage }) => passage.title),
          rows.map(({ passage }) => passage.start),
          rows.map(({ passage }) => passage.length),
          rows.map(({ passage }) => (isWorded(passage) ? 1 : 0)),
        ],
      );
    }
    await writeWords(ask, blocks);
    await compactBlocks(ask, dead);
    await ask('update index_state set generation = $1, passages = passages + $2, words = words + $3', [
      generation,
      added.passages,
      added.words,
    ]);
    await ask('update index_spaces set generation = $1, mark = coalesce($2, mark) where number = $3', [generation, mark ?? null, number]);
    return generation;
  });
}

/** All that is held of a space goes, and that it is held. */
export async function removeFromIndex(database: IndexDatabase, space: SpaceId): Promise<void> {
  await database.write(async (ask) => {
    await takeTurn(ask);
    const spaces = await ask<{ number: number }>('delete from index_spaces where id = $1 returning number', [space]);
    for (const { number } of spaces) {
      const rows = await ask<{ number: number; worded: number }>(
        `delete from index_passages p using index_items i where i.number = p.item and i.space = $1 returning p.number, p.worded`,
        [number],
      );
      await ask('delete from index_items where space = $1', [number]);
      await compactBlocks(ask, wordedOf(rows));
    }
    await ask('update index_state set generation = generation + 1');
  });
}

async function takeNumbers(ask: AskIndex, count: number): Promise<number> {
  const [row] = await ask<{ first: number }>(
    'update index_state set next_passage = next_passage + $1 returning next_passage - $1 as first',
    [count],
  );
  return (row as { first: number }).first;
}

async function spaceNumber(ask: AskIndex, space: SpaceId, seen: Generation): Promise<number> {
  const find = (): Promise<{ number: number; generation: number }[]> =>
    ask('select number, generation from index_spaces where id = $1', [space]);
  const [found] = await find();
  if (seen !== undefined && seen !== (found?.generation ?? 0)) throw new IndexMoved('another process wrote to it');
  if (found !== undefined) return found.number;
  await ask('insert into index_spaces (id, generation) values ($1, 0)', [space]);
  return ((await find())[0] as { number: number }).number;
}

/** Passages that had words, and went. */
async function cut(ask: AskIndex, space: number, items: readonly FoldedChange[]): Promise<number[]> {
  const gone: number[] = [];
  for (const some of slices(items)) {
    const found = await ask<{ number: number; kind: string; name: string }>(
      `select i.number, i.kind, i.name from unnest($2::text[], $3::text[]) w (kind, name)
        join index_items i on i.space = $1 and i.kind = w.kind and i.name = w.name`,
      [space, some.map(({ item }) => item.kind), some.map(({ item }) => item.name)],
    );
    const folded = new Map(some.map((each) => [itemKey(each.item), each]));
    const known = found.map(({ number, ...item }) => ({ number, change: folded.get(itemKey(item)) as FoldedChange }));
    const rows = await ask<{ number: number; worded: number }>(
      `delete from index_passages p using unnest($1::bigint[], $2::bigint[]) c (item, keep) where p.item = c.item and p.ordinal > c.keep
        returning p.number, p.worded`,
      [known.map(({ number }) => number), known.map(({ change }) => change.keep)],
    );
    gone.push(...wordedOf(rows));
    const removed = known.filter(({ change }) => change.held === null).map(({ number }) => number);
    if (removed.length > 0) await ask('delete from index_items where number = any($1::bigint[])', [removed]);
  }
  return gone;
}

/** Numbers of the items that are held, by key. */
async function putItems(ask: AskIndex, space: number, items: readonly FoldedChange[]): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  const held = items.flatMap((each) => each.held ?? []);
  for (const some of slices(held)) {
    const rows = await ask<{ number: number; kind: string; name: string }>(
      `insert into index_items (space, kind, name, called, digest, bytes, prefix, passages, machine, changed, unsettled)
        select $1::bigint, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::bigint[])
        on conflict (space, kind, name) do update set digest = excluded.digest, bytes = excluded.bytes, prefix = excluded.prefix,
          passages = excluded.passages, machine = excluded.machine, changed = excluded.changed, unsettled = excluded.unsettled
        returning number, kind, name`,
      [
        space,
        some.map(({ item }) => item.kind),
        some.map(({ item }) => item.name),
        some.map(({ item }) => foundDigits(item).slice(0, CALLED)),
        some.map(({ digest }) => digest),
        some.map(({ bytes }) => bytes),
        some.map(({ prefix }) => prefix),
        some.map(({ passages }) => passages),
        some.map(({ machine }) => machine),
        some.map(({ changed }) => changed),
        some.map(({ isUnsettled }) => (isUnsettled ? 1 : 0)),
      ],
    );
    for (const { number, ...item } of rows) numbers.set(itemKey(item), number);
  }
  return numbers;
}

/** So much of the digits as anybody types. */
const CALLED = 16;

function wordedOf(rows: readonly { readonly number: number; readonly worded: number }[]): number[] {
  return rows.filter(({ worded }) => worded === 1).map(({ number }) => number);
}

function* slices<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += ROWS) yield all.slice(start, start + ROWS);
}
