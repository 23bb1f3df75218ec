import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AskIndex } from './index-database.ts';
import { BLOCK, blockOf } from './index-words.ts';
import { PostingsWriter, readPostings } from './postings.ts';

/** So many of a block may be gone before it is written anew without them. */
const MOST_DEAD = BLOCK / 8;
/** Words that are read and written together. */
const WORDS = 4_000;

/** Notes passages that went, and writes those blocks anew that hold many such. O(block) for one of them. */
export async function compactBlocks(ask: AskIndex, gone: readonly number[]): Promise<void> {
  if (gone.length === 0) return;
  await ask('insert into index_dead select unnest($1::bigint[])', [gone]);
  const [left] = await ask('select 1 from index_passages where worded = 1 limit 1');
  if (left === undefined) {
    await ask('truncate index_words, index_dead');
    return;
  }
  for (const block of new Set(gone.map(blockOf))) {
    const rows = await ask<{ passage: number }>(`select passage from index_dead where passage between $1 and $2`, boundsOf(block));
    if (rows.length > MOST_DEAD) await compact(ask, block, new Set(rows.map(({ passage }) => passage)));
  }
}

async function compact(ask: AskIndex, block: number, dead: ReadonlySet<number>): Promise<void> {
  for (let after = ''; ;) {
    const rows = await ask<{ word: string; postings: Uint8Array }>(
      'select word, postings from index_words where block = $1 and word > $2 order by word limit $3',
      [block, after, WORDS],
    );
    const empty: string[] = [];
    const changed: { word: string; postings: Uint8Array }[] = [];
    for (const { word, postings } of rows) {
      const all = [...readPostings(postings)];
      const kept = all.filter(({ passage }) => !dead.has(passage));
      if (kept.length === 0) empty.push(word);
      else if (kept.length < all.length) {
        const writer = new PostingsWriter();
        for (const { passage, sizes, places } of kept.sort((a, b) => a.passage - b.passage)) writer.add(passage, sizes, places);
        changed.push({ word, postings: writer.finish() });
      }
    }
    if (empty.length > 0) await ask('delete from index_words where block = $1 and word = any($2::text[])', [block, empty]);
    if (changed.length > 0) await replace(ask, block, changed);
    after = rows.at(-1)?.word ?? '';
    if (rows.length < WORDS) break;
    await nextTurn();
  }
  await ask('delete from index_dead where passage between $1 and $2', boundsOf(block));
}

async function replace(
  ask: AskIndex,
  block: number,
  rows: readonly { readonly word: string; readonly postings: Uint8Array }[],
): Promise<void> {
  let at = 1;
  const starts = rows.map(({ postings }) => (at += postings.length) - postings.length);
  await ask(
    `update index_words i set postings = substring($2::bytea from w.start for w.length)
      from unnest($3::text[], $4::int[], $5::int[]) w (word, start, length) where i.word = w.word and i.block = $1`,
    [
      block,
      Buffer.concat(rows.map(({ postings }) => postings)),
      rows.map(({ word }) => word),
      starts,
      rows.map(({ postings }) => postings.length),
    ],
  );
}

function boundsOf(block: number): [number, number] {
  return [block * BLOCK, (block + 1) * BLOCK - 1];
}
