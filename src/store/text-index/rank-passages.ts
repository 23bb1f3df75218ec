import { setImmediate as nextTurn } from 'node:timers/promises';
import { columnOf, readPostings, type Posting } from './postings.ts';
import type { SearchExpression } from './search-expression.ts';

/** What a hit in a title, the text, the tags counts. */
export const WEIGHTS = [4, 1, 2] as const;
/** Of bm25, as FTS5 has them, and what a word counts that more than half of all passages hold. */
const [K1, B, LEAST] = [1.2, 0.75, 1e-6];
/** Bytes of postings that are read before others run, some 5 ms. */
const TURN = 128 * 1024;

export interface IndexedWords {
  /** Postings of a word, or of all words that begin so. */
  postings(word: string, isBeginning: boolean): Promise<readonly Uint8Array[]>;
  /** Passages that were ever added, and words in them. */
  readonly passages: number;
  readonly words: number;
  /** Their postings are still there. */
  readonly dead: ReadonlySet<number>;
  /** A text as words of the index. */
  readonly split: (text: string) => string[];
}

/** Passages, and what each counts: the least is the best. */
export type Ranks = ReadonlyMap<number, number>;

interface Phrase {
  readonly type: 'phrase';
  /** How often it stands in a passage, in each column by its weight. */
  readonly counts: ReadonlyMap<number, number>;
}
type Matched = Phrase | { readonly type: 'all' | 'some'; readonly parts: readonly Matched[]; readonly passages: ReadonlySet<number> };

/**
 * The passages that FTS5 finds for an expression, each with the number that its bm25 gives it: the same sum in the same order, with the same
 * statistics, in which a passage that went still counts. O(postings of the words).
 */
export async function rankPassages(expression: SearchExpression, index: IndexedWords): Promise<Ranks> {
  /** Words in each passage that was seen. */
  const lengths = new Map<number, number>();
  const matched = await match(expression, index, lengths);
  const average = index.words / index.passages;
  const sums = new Map<number, number>();
  for (const passage of passagesOf(matched)) sums.set(passage, 0);

  const add = (part: Matched, isCounted: (passage: number) => boolean): void => {
    if (part.type !== 'phrase') {
      const { passages } = part;
      for (const each of part.parts) add(each, (passage) => passages.has(passage) && isCounted(passage));
      return;
    }
    const rarity = Math.log((index.passages - part.counts.size + 0.5) / (part.counts.size + 0.5));
    for (const [passage, count] of part.counts) {
      if (!isCounted(passage)) continue;
      const length = lengths.get(passage) as number;
      const score = (rarity <= 0 ? LEAST : rarity) * ((count * (K1 + 1)) / (count + K1 * (1 - B + (B * length) / average)));
      sums.set(passage, (sums.get(passage) as number) + score);
    }
  };
  add(matched, () => true);
  for (const [passage, sum] of sums) sums.set(passage, -sum);
  return sums;
}

async function match(expression: SearchExpression, index: IndexedWords, lengths: Map<number, number>): Promise<Matched> {
  if (expression.type === 'phrase') return { type: 'phrase', counts: await countPhrase(expression, index, lengths) };
  const parts: Matched[] = [];
  for (const part of expression.parts) parts.push(await match(part, index, lengths));
  const sets = parts.map(passagesOf);
  const [first = new Set<number>(), ...others] = sets.toSorted((a, b) => a.size - b.size);
  const passages =
    expression.type === 'all' ? [...first].filter((passage) => others.every((set) => set.has(passage))) : sets.flatMap((set) => [...set]);
  return { type: expression.type, parts, passages: new Set(passages) };
}

function passagesOf(matched: Matched): ReadonlySet<number> {
  return matched.type === 'phrase' ? new Set(matched.counts.keys()) : matched.passages;
}

async function countPhrase(
  { words: texts, isBeginning }: SearchExpression & { readonly type: 'phrase' },
  index: IndexedWords,
  lengths: Map<number, number>,
): Promise<Map<number, number>> {
  const words = texts.flatMap((text) => index.split(text));
  const counts = new Map<number, number>();
  /** Where the phrase, as far as it was read, ends: by passage. */
  let ends: Map<number, Set<number>> | null = null;
  for (const [nth, word] of words.entries()) {
    const isLast = nth === words.length - 1;
    const next = new Map<number, Set<number>>();
    await readAll(await index.postings(word, isBeginning && isLast), index.dead, ({ passage, sizes, places }) => {
      const before = ends?.get(passage);
      if (nth > 0 && before === undefined) return;
      if (nth === 0) lengths.set(passage, sizes[0] + sizes[1] + sizes[2]);
      const standing = before === undefined ? places : places.filter((place) => before.has(place - 1));
      if (standing.length === 0) return;
      if (isLast)
        counts.set(
          passage,
          standing.reduce((sum, place) => sum + WEIGHTS[columnOf(sizes, place)], counts.get(passage) ?? 0),
        );
      else next.set(passage, new Set(standing));
    });
    ends = next;
  }
  return counts;
}

async function readAll(rows: readonly Uint8Array[], dead: ReadonlySet<number>, take: (posting: Posting) => void): Promise<void> {
  let read = 0;
  for (const row of rows) {
    for (const posting of readPostings(row)) if (!dead.has(posting.passage)) take(posting);
    read += row.length;
    if (read < TURN) continue;
    read = 0;
    await nextTurn();
  }
}
