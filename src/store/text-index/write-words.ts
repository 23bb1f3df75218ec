import type { AskIndex } from './index-database.ts';
import type { PostingsWriter } from './postings.ts';
import { isLongWord, wordKey } from './word-key.ts';

/** Rows of one statement. */
const ROWS = 8_000;

/** Puts postings behind those that are there. */
export async function writeWords(ask: AskIndex, blocks: ReadonlyMap<number, ReadonlyMap<string, PostingsWriter>>): Promise<void> {
  for (const [block, words] of blocks) {
    // In the order of the key, which lies together.
    const sorted = [...words.keys()].map((word) => ({ word, key: wordKey(word) })).sort((a, b) => (a.key < b.key ? -1 : 1));
    for (let start = 0; start < sorted.length; start += ROWS) {
      const some = sorted.slice(start, start + ROWS);
      const postings = some.map(({ word }) => (words.get(word) as PostingsWriter).finish());
      await putPostings(ask, block, some, postings);
    }
  }
}

/** All postings in one parameter: as many would each be a text. */
async function putPostings(
  ask: AskIndex,
  block: number,
  words: readonly { readonly word: string; readonly key: string }[],
  postings: readonly Uint8Array[],
): Promise<void> {
  let at = 1;
  const starts = postings.map(({ length }) => (at += length) - length);
  await ask(
    `insert into index_words (word, block, whole, postings)
      select w.word, $1::bigint, w.whole, substring($2::bytea from w.start for w.length) from unnest($3::text[], $4::text[], $5::int[], $6::int[]) w (word, whole, start, length)
      on conflict (word, block) do update set postings = index_words.postings || excluded.postings`,
    [
      block,
      Buffer.concat(postings),
      words.map(({ key }) => key),
      words.map(({ word }) => (isLongWord(word) ? word : null)),
      starts,
      postings.map(({ length }) => length),
    ],
  );
}
