import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { MachineId, SpaceId } from '../../src/core/ids.ts';
import {
  SHELVES,
  type IndexChange,
  type Passage,
  type PassageFilter,
  type SearchTerm,
  type TextIndex,
} from '../../src/core/ports/text-index.ts';
import { openTextIndex } from '../../src/store/text-index/sqlite-text-index.ts';
import { held, put } from './text-index.ts';
import { anyCharacter } from '../doubles/any-character.ts';

const SPACES = ['a'.repeat(64), 'b'.repeat(64)] as SpaceId[];
const MACHINES = ['1'.repeat(64), '2'.repeat(64)] as MachineId[];

/** Words that begin each other, stand in each other, and are written in many ways. */
const WORDS = [
  ...[
    'retry',
    'Retrying',
    'retried',
    'up',
    'upload',
    'uploadQueue',
    'load',
    'src/upload_queue.ts',
    'a.b',
    'naïve',
    'NAIVE',
    'e\u0301te\u0301',
  ],
  ...[
    '記憶',
    '検索',
    '記',
    '검색',
    'ความจำ',
    'हिन्दी',
    'हि',
    '𐐀𐐨',
    'ﬁne',
    'İstanbul',
    '12',
    '1234',
    '\0',
    '\u0001',
    '\ud800',
    '"',
    '*',
    '-',
    'AND',
  ],
  ...['x'.repeat(300), `${'x'.repeat(300)}y`, '🚀', '\u1c80', '\u{1e900}'],
];
const word = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 1, arbitrary: fc.string({ unit: anyCharacter, maxLength: 6 }) },
);
const text = fc.array(word, { maxLength: 8 }).chain((words) => fc.constantFrom(' ', ', ').map((gap) => words.join(gap)));

const time = fc.option(fc.constantFrom(0, 10, 20, 30));
const passage: fc.Arbitrary<Passage> = fc.record({
  shelf: fc.constantFrom(...SHELVES),
  type: fc.constantFrom('bugfix', 'session', 'user'),
  project: fc.option(fc.constantFrom('app', 'web\0')),
  session: fc.option(fc.constantFrom('s', 't')),
  time,
  // Half a character is shown by one database as one mark, by the other as three.
  title: fc.oneof(fc.constant(''), text).map((title) => title.replaceAll(/\p{Surrogate}/gu, '')),
  start: fc.nat(99),
  length: fc.nat(99),
  text,
  tags: fc.oneof(fc.constant(''), text),
});

interface Step {
  readonly space: SpaceId;
  readonly changes: readonly IndexChange[];
}

const name = fc.constantFrom('p', 'q', 'r\0', 'ü', 'z');
const change: fc.Arbitrary<IndexChange> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({
        name,
        passages: fc.array(passage, { maxLength: 4 }),
        keep: fc.nat(3),
        machine: fc.option(fc.constantFrom(...MACHINES)),
        changed: time,
      })
      .map(({ passages, keep, ...more }) => put(more.name, passages, { machine: more.machine, changed: more.changed }, keep)),
  },
  { weight: 1, arbitrary: name.map((each): IndexChange => ({ type: 'remove', item: held(each).item })) },
);
const step: fc.Arbitrary<Step> = fc.record({ space: fc.constantFrom(...SPACES), changes: fc.array(change, { maxLength: 6 }) });

const term: fc.Arbitrary<SearchTerm> = fc.record(
  { text: fc.oneof(word, text), isPhrase: fc.boolean(), alike: fc.array(word, { maxLength: 2 }) },
  { requiredKeys: ['text', 'isPhrase'] },
);
const maybe = <T>(all: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...all]);
const filter: fc.Arbitrary<PassageFilter> = fc.record(
  {
    spaces: maybe(SPACES),
    shelves: maybe(SHELVES),
    types: maybe(['bugfix', 'user']),
    projects: maybe(['app', 'web\0', 'none']),
    machines: maybe(MACHINES),
    since: fc.constantFrom(5, 10),
    until: fc.constantFrom(20, 25),
  },
  { requiredKeys: [] },
);
const question = fc.record({
  terms: fc.array(term, { maxLength: 3 }),
  match: fc.constantFrom('all' as const, 'some' as const),
  filter: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: filter }),
  limit: fc.constantFrom(1, 3, 100),
});

/** Whatever it is asked, after whatever was written, an index answers what SQLite's does, in its order. `open`: an empty one. */
export function sameAnswers(open: () => Promise<TextIndex>): fc.IAsyncProperty<unknown> {
  const steps = fc.array(step, { minLength: 1, maxLength: 4 });
  const questions = fc.array(question, { minLength: 4, maxLength: 8 });
  return fc.asyncProperty(steps, questions, async (written, asked) => {
    const both = [openTextIndex(':memory:'), await open()];
    const ask = async <T>(answer: (index: TextIndex) => Promise<T>): Promise<T> => {
      const [expected, found] = await Promise.all(both.map(answer));
      expect(found).toEqual(expected);
      return expected as T;
    };
    try {
      for (const { space, changes } of written) for (const index of both) await index.write(space, changes);
      await ask(async (index) => (await index.spaces()).toSorted());
      for (const space of SPACES) await ask((index) => index.held(space));
      for (const { terms, ...options } of asked) {
        const [hit] = (await ask((index) => index.search(terms, options))).hits;
        if (hit === undefined) continue;
        await ask((index) => index.passages(hit.space, hit.item, 1, 9));
        await ask((index) => index.around(hit, options.filter, { before: 2, after: 2 }));
      }
      for (const part of ['load', 'r', '憶', 'xy']) await ask((index) => index.wordsWith(part, 5));
      for (const of of ['type', 'project'] as const) await ask(async (index) => [...(await index.values(of))]);
    } finally {
      for (const index of both) await index.close();
    }
  });
}
