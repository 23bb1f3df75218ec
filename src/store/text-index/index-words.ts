import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Passage } from '../../core/ports/text-index.ts';
import { PostingsWriter, type PassageSizes } from './postings.ts';
import { toIndexed } from './split-words.ts';

/** Characters that are indexed before others run, some 5 ms. */
const TURN = 96 * 1024;
/** Passages whose postings of one word lie together. A larger one makes more to be written for each small change. */
export const BLOCK = 8_192;

export function blockOf(passage: number): number {
  return Math.floor(passage / BLOCK);
}

/** Whether it can be found by words. */
export function isWorded({ title, text, tags }: Passage): boolean {
  return title !== '' || text !== '' || tags !== '';
}

export interface WordedPassage {
  readonly number: number;
  readonly passage: Passage;
}

/** Words of passages, in the order of their numbers, and where they stand: by block. Lets others run in between. O(text). */
export async function indexWords(
  passages: readonly WordedPassage[],
  split: (text: string) => string[],
): Promise<{ readonly blocks: ReadonlyMap<number, ReadonlyMap<string, PostingsWriter>>; readonly words: number }> {
  const blocks = new Map<number, Map<string, PostingsWriter>>();
  let [words, size] = [0, 0];
  for (const { number, passage } of passages) {
    const columns = columnsOf(passage, split);
    const sizes = columns.map(({ length }) => length) as [number, number, number] satisfies PassageSizes;
    const places = new Map<string, number[]>();
    let place = 0;
    for (const column of columns) {
      for (const word of column) {
        const found = places.get(word);
        if (found === undefined) places.set(word, [place]);
        else found.push(place);
        place += 1;
      }
      place += 1;
    }
    const block = blocks.get(blockOf(number)) ?? new Map<string, PostingsWriter>();
    blocks.set(blockOf(number), block);
    for (const [word, standing] of places) {
      let writer = block.get(word);
      if (writer === undefined) block.set(word, (writer = new PostingsWriter()));
      writer.add(number, sizes, standing);
    }
    words += sizes[0] + sizes[1] + sizes[2];
    size += passage.text.length + 512;
    if (size < TURN) continue;
    size = 0;
    await nextTurn();
  }
  return { blocks, words };
}

/** How many words they have, without looking where. */
export function countWords(passages: readonly Passage[], split: (text: string) => string[]): number {
  return passages.reduce((sum, passage) => sum + columnsOf(passage, split).reduce((words, { length }) => words + length, 0), 0);
}

function columnsOf({ title, text, tags }: Passage, split: (text: string) => string[]): readonly [string[], string[], string[]] {
  return [split(toIndexed(title)), split(toIndexed(text)), split(toIndexed(tags))];
}
