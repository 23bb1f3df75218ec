import type { SpaceId } from '../../core/ids.ts';
import { itemKey } from '../../core/item.ts';
import { IndexDamaged, type FoundPassage, type HeldItem, type IndexHits, type TextIndex } from '../../core/ports/text-index.ts';
import { createFts5Words } from './fts5-words.ts';
import { clearIndex, INDEX_VERSION, allowSorting, PREFIX, type AskIndex, type IndexDatabase, type StateRow } from './index-database.ts';
import { createPassageQueries, toHits, toPassage, type HitRow, type PassageRow } from './passage-queries.ts';
import { toHeld, type ItemRow } from './item-row.ts';
import { rankPassages, type IndexedWords } from './rank-passages.ts';
import { toExpression } from './search-expression.ts';
import { foldWord } from './split-words.ts';
import { readPostings } from './postings.ts';
import { keysBeginning, wordKey } from './word-key.ts';
import { removeFromIndex, writeIndex } from './write-index.ts';

const queries = createPassageQueries({
  prefix: PREFIX,
  parameter: (number) => `$${number}`,
  list: (number, type) => `= any($${number}::${type}[])`,
});
/** Words that are looked at together. */
const WORDS = 500;

/** Opens an index in a database that others use too, and closes that with it. Throws {@link IndexDamaged} for one of another version. */
export async function openDatabaseIndex(database: IndexDatabase): Promise<TextIndex> {
  const state = await database.read(stateOf);
  if (state.version === 0) await database.write(clearIndex);
  else if (state.version !== INDEX_VERSION) throw new IndexDamaged(`it is of version ${state.version}`);
  return createIndex(database);
}

function createIndex(database: IndexDatabase): TextIndex {
  const split = createFts5Words();
  /** Of each space, when its mark was asked for. */
  const seen = new Map<SpaceId, number>();

  const itemsOf = (space: SpaceId, where: string, ...values: unknown[]): Promise<Map<string, HeldItem>> =>
    database.read(async (ask) => {
      const rows = await ask<ItemRow>(`select i.* from index_items i join index_spaces s on s.number = i.space where s.id = $1 ${where}`, [
        space,
        ...values,
      ]);
      return new Map(rows.map((row) => [itemKey({ kind: row.kind, name: row.name }), toHeld(row)]));
    });

  return {
    mark: (space) =>
      database.read(async (ask) => {
        const [row] = await ask<{ mark: string | null; generation: number }>('select mark, generation from index_spaces where id = $1', [
          space,
        ]);
        seen.set(space, row?.generation ?? 0);
        return row?.mark ?? null;
      }),
    spaces: () => database.read(async (ask) => (await ask<{ id: string }>('select id from index_spaces')).map(({ id }) => id as SpaceId)),
    held: (space) => itemsOf(space, ''),
    heldOf: (space, items) =>
      itemsOf(
        space,
        'and (i.kind, i.name) in (select * from unnest($2::text[], $3::text[]))',
        items.map(({ kind }) => kind),
        items.map(({ name }) => name),
      ),
    unsettled: async (space) => [...(await itemsOf(space, 'and i.unsettled = 1')).values()],
    called: async (space, digits) =>
      [...(await itemsOf(space, 'and i.called >= $2 and i.called < $3', digits, `${digits}~`)).values()].map(({ item }) => item),
    async write(space, changes, mark) {
      seen.set(space, await writeIndex(database, space, changes, { seen: seen.get(space), mark, split }));
    },
    async removeSpace(space) {
      await removeFromIndex(database, space);
      seen.delete(space);
    },
    async search(terms, { match, filter, limit }) {
      const expression = terms.length === 0 ? null : toExpression(terms, match);
      const none: IndexHits = { hits: [], total: 0 };
      if (terms.length > 0 && expression === null) return none;
      return database.read(async (ask) => {
        const ranks = expression === null ? null : await rankPassages(expression, await wordsOf(ask, split));
        if (ranks?.size === 0) return none;
        const values = ranks === null ? null : [[...ranks.keys()], [...ranks.values()]];
        const matched = values === null ? null : { sql: 'select * from unnest($1::bigint[], $2::float8[]) u (number, rank)', values };
        const { sql, values: given } = queries.search(matched, filter, limit);
        await allowSorting(ask);
        return toHits(await ask<HitRow>(sql, given));
      });
    },
    wordsWith: (text, limit) => database.read((ask) => wordsWith(ask, foldWord(text), limit)),
    passages: (space, item, from, to) =>
      database.read(async (ask) => {
        const [row] = await ask<{ number: number }>(
          'select i.number from index_items i join index_spaces s on s.number = i.space where s.id = $1 and i.kind = $2 and i.name = $3',
          [space, item.kind, item.name],
        );
        if (row === undefined) return [];
        const { sql, values } = queries.ofItem(row.number, from, to);
        return (await ask<PassageRow>(sql, values)).map(toPassage);
      }),
    around: (passage, filter, { before, after }) =>
      database.read(async (ask) => {
        await allowSorting(ask);
        const rows = async ({ sql, values }: ReturnType<typeof queries.before>): Promise<FoundPassage[]> =>
          (await ask<PassageRow>(sql, values)).map(toPassage);
        const earlier = await rows(queries.before(passage, filter, before));
        return [...earlier.toReversed(), ...(await rows(queries.from(passage, filter, after + 1)))];
      }),
    values: (of) =>
      database.read(async (ask) => {
        await allowSorting(ask);
        const rows = await ask<{ value: string; count: number }>(queries.values(of).sql);
        return new Map(rows.map(({ value, count }) => [value, count]));
      }),
    close: () => database.close(),
  };
}

async function stateOf(ask: AskIndex): Promise<StateRow> {
  const [state] = await ask<StateRow>('select version, generation, passages, words from index_state');
  if (state === undefined) throw new IndexDamaged('its state is missing');
  return state;
}

async function deadOf(ask: AskIndex): Promise<Set<number>> {
  return new Set((await ask<{ passage: number }>('select passage from index_dead')).map(({ passage }) => passage));
}

async function wordsOf(ask: AskIndex, split: IndexedWords['split']): Promise<IndexedWords> {
  const { passages, words } = await stateOf(ask);
  return {
    passages,
    words,
    split,
    dead: await deadOf(ask),
    async postings(word, isBeginning) {
      const rows = isBeginning
        ? await ask<{ postings: Uint8Array }>(
            'select postings from index_words where word >= $1 and word <= $2 and starts_with(coalesce(whole, word), $3)',
            [...keysBeginning(word), word],
          )
        : await ask<{ postings: Uint8Array }>('select postings from index_words where word = $1', [wordKey(word)]);
      return rows.map(({ postings }) => postings);
    },
  };
}

async function wordsWith(ask: AskIndex, text: string, limit: number): Promise<string[]> {
  await allowSorting(ask);
  const dead = await deadOf(ask);
  const found: string[] = [];
  for (let skipped = 0; found.length < limit; skipped += WORDS) {
    const rows = await ask<{ term: string; key: string }>(
      `select distinct coalesce(whole, word) as term, word as key, length(coalesce(whole, word)) as size from index_words
        where strpos(coalesce(whole, word), $1) > 1 order by size, term limit $2 offset $3`,
      [text, WORDS, skipped],
    );
    for (const { term, key } of rows) {
      if (found.length < limit && (dead.size === 0 || (await isAlive(ask, key, dead)))) found.push(term);
    }
    if (rows.length < WORDS) break;
  }
  return found;
}

async function isAlive(ask: AskIndex, key: string, dead: ReadonlySet<number>): Promise<boolean> {
  for (const { postings } of await ask<{ postings: Uint8Array }>('select postings from index_words where word = $1', [key]))
    for (const { passage } of readPostings(postings)) if (!dead.has(passage)) return true;
  return false;
}
