import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Kind } from '../../core/merge/kind.ts';
import { fileProblem } from './file-problem.ts';
import { mnemeEntitiesKind } from './entities-kind.ts';
import { mnemeLogKind } from './log-kind.ts';
import { mnemeRememberedKind } from './remembered-kind.ts';
import { mnemeSummaryKind } from './summary-kind.ts';
import { extent } from '../../../tests/setup/extent.ts';

/** One file of mneme, as a test sees it. An edit is what one session does to it. */
interface Subject {
  readonly kind: Kind;
  readonly file: string;
  /** A file that grew by itself, and three that went on from it. Times and texts say whose they are. */
  readonly replicas: fc.Arbitrary<readonly [string, string, string, string]>;
  /** What it says, one string an entry. */
  readonly facts: (text: string) => string[];
  readonly print: (text: string) => string;
}

const at = (side: number, n: number): string => new Date(1_700_000_000_000 + (side - 1) * 3_600_000 + n * 1_000).toISOString();
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const printed = (value: unknown, end: string): string => JSON.stringify(value, null, 2) + end;
const edit = fc.record({ add: fc.nat(4), remove: fc.array(fc.nat(8), { maxLength: 3 }), touch: fc.array(fc.nat(5), { maxLength: 4 }) });
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

function replicasOf<T>(start: (n: number) => T, change: (value: T, side: number, edit: Edit) => T, print: (value: T) => string) {
  return fc
    .tuple(fc.nat(8), fc.tuple(edit, edit, edit))
    .map(([n, edits]) => [start(n), ...edits.map((one, side) => change(structuredClone(start(n)), side, one))].map(print))
    .map((all) => all as unknown as readonly [string, string, string, string]);
}

type Entry = Record<string, unknown>;
const without = <T>(list: readonly T[], indexes: readonly number[]): T[] => list.filter((_, index) => !indexes.includes(index));
const several = <T>(n: number, make: (index: number) => T): T[] => Array.from({ length: n }, (_, index) => make(index));

const log: Subject = {
  kind: mnemeLogKind,
  file: 'log.jsonl',
  replicas: replicasOf(
    (n) => several(n, (i) => ({ ts: at(1, i), type: 'prompt', content: `base ${i}` })),
    (lines, side, { add, remove }) => [
      ...lines.slice(remove.length),
      ...several(add, (i) => ({ ts: at(side, i), type: i % 2 === 0 ? 'commit' : 'newer-type', content: `side ${side} é\n${i}` })),
    ],
    (lines) => lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  ),
  facts: (text) => text.split('\n').filter((line) => line !== ''),
  print: (text) => text,
};

const remembered: Subject = {
  kind: mnemeRememberedKind,
  file: 'remembered.json',
  replicas: replicasOf(
    (n) => several(n, (i): Entry => ({ ts: at(1, i), type: 'fact', content: `base ${i}` })),
    (entries, side, { add, remove }) => [
      ...without(entries, remove),
      ...several(add, (i) => ({ ts: at(side, i), type: 'lesson', content: `side ${side} ${i}` })),
    ],
    (entries) => printed(entries, '\n'),
  ),
  facts: (text) => JSON.parse(text).map((entry: Entry) => JSON.stringify([entry.ts, entry.type, entry.content])),
  print: (text) => printed(JSON.parse(text), '\n'),
};

const NAMES = ['src/a.ts', '__proto__', 'constructor', 'TypeError: x', 'toString'];
type Index = { [category: string]: Map<string, { mentions: number; lastSeen: string; contexts: Entry[] }> };

function mention(index: Index, name: string, ts: string, summary: string): Index {
  const category = index.files ?? new Map();
  const found = category.get(name) ?? { mentions: 0, lastSeen: ts, contexts: [] };
  const contexts = [...found.contexts, { ts, type: 'prompt', summary }].slice(-5);
  return { ...index, files: new Map([...category, [name, { mentions: found.mentions + 1, lastSeen: ts, contexts }]]) };
}

const entities: Subject = {
  kind: mnemeEntitiesKind,
  file: 'entities.json',
  replicas: replicasOf<Index>(
    (n) => several(n, (i) => i).reduce((index, i) => mention(index, NAMES[i % NAMES.length] ?? '', at(1, i), `base ${i}`), {} as Index),
    (index, side, { touch }) =>
      touch.reduce((now, name, i) => mention(now, NAMES[name % NAMES.length] ?? '', at(side, 100 + i), `side ${side} ${i}`), index),
    (index) => {
      const categories = Object.entries(index).map(([key, names]) => [key, Object.fromEntries(names)]);
      return printed({ files: {}, functions: {}, ...Object.fromEntries(categories), lastUpdated: null }, '');
    },
  ),
  facts: (text) => Object.entries(JSON.parse(text).files).map(([name, entity]) => JSON.stringify([name, (entity as Entry).mentions])),
  print: (text) => printed(JSON.parse(text), ''),
};

const summary: Subject = {
  kind: mnemeSummaryKind,
  file: 'summary.json',
  replicas: replicasOf(
    (n) => ({
      projectContext: 'an app',
      keyDecisions: several(Math.min(n, 3), (i) => ({ date: '2026-01-01', decision: `base ${i}`, reason: 'x', foundational: i === 0 })),
      currentState: several(Math.min(n, 4), (i): Entry => ({ topic: `base ${i}`, status: 'begun' })),
      recentWork: several(Math.min(n, 3), (i) => ({ date: '2026-01-02', summary: `base ${i}` })),
      lastUpdated: at(1, 0),
      lastEntryIndex: n,
    }),
    (doc, side, { add, remove }) => ({
      projectContext: doc.projectContext,
      keyDecisions: [
        ...without(doc.keyDecisions, remove),
        ...several(add % 3, (i) => ({ date: '2026-01-03', decision: `side ${side} ${i}`, reason: 'y', foundational: i === 1 })),
      ],
      currentState: [
        ...without(doc.currentState, remove),
        ...several(add % 4, (i) => ({ topic: i === 0 ? 'Completed' : `side ${side} ${i}`, status: `by ${side}`, updatedAt: at(side, i) })),
      ],
      recentWork: [...without(doc.recentWork, remove), ...several(add % 3, (i) => ({ date: '2026-01-03', summary: `side ${side} ${i}` }))],
      lastUpdated: at(side, 5),
      lastEntryIndex: doc.lastEntryIndex + add,
    }),
    (doc) => printed(doc, '\n'),
  ),
  facts: (text) => {
    const doc = JSON.parse(text);
    const of = (list: Entry[], ...keys: string[]): string[] => list.map((entry) => JSON.stringify(keys.map((key) => entry[key])));
    return [...of(doc.keyDecisions, 'decision'), ...of(doc.currentState, 'topic', 'status'), ...of(doc.recentWork, 'date', 'summary')];
  },
  print: (text) => printed(JSON.parse(text), '\n'),
};

function merge({ kind, file }: Subject, base: string | null, theirs: string, ours: string): string {
  const of = (text: string) => ({ body: bytes(text), attributes: {} });
  const outcome = kind.merge({ name: `mneme/p/${file}`, base: base === null ? null : of(base), theirs: of(theirs), ours: of(ours) });
  if (outcome.type !== 'merged') throw new Error(`${outcome.type}${outcome.type === 'conflict' ? `: ${outcome.reason}` : ''}`);
  return Buffer.from(outcome.version.body).toString();
}

const lists = [log, remembered, summary];
const added = (subject: Subject, base: string, side: string): string[] => {
  const before = new Set(subject.facts(base));
  return subject.facts(side).filter((fact) => !before.has(fact));
};
const removed = (subject: Subject, base: string, side: string): string[] => added(subject, side, base);
const run = (subject: Subject, check: (base: string, a: string, b: string, c: string) => void): void =>
  fc.assert(
    fc.property(subject.replicas, ([base, a, b, c]) => check(base, a, b, c)),
    { numRuns: extent(40, 100) },
  );

describe.each([log, remembered, entities, summary].map((subject) => [subject.file, subject] as const))('merging %s', (_, subject) => {
  it('says the same whichever side came first, and in what order three came', () => {
    run(subject, (base, a, b, c) => {
      const arrived = (...order: string[]): string =>
        order.reduce((head, side) => (head === base ? side : merge(subject, base, head, side)), base);
      const said = (text: string): string[] => subject.facts(text).sort();
      const expected = said(arrived(a, b, c));
      for (const order of [
        [a, c, b],
        [b, a, c],
        [b, c, a],
        [c, a, b],
        [c, b, a],
      ])
        expect(said(arrived(...order))).toEqual(expected);
    });
  });

  it('is laid out as the client does it, and is what the client reads', () => {
    run(subject, (base, a, b) => {
      const merged = merge(subject, base, a, b);
      expect(fileProblem(subject.file, bytes(merged))).toBeNull();
      expect(subject.print(merged)).toBe(merged);
    });
  });

  it('keeps the bytes of a side that means the same', () => {
    run(subject, (base, a) => {
      if (subject === log || base === a) return;
      const respelt = JSON.stringify(JSON.parse(a));
      expect(merge(subject, base, a, respelt)).toBe(a);
      expect(merge(subject, base, respelt, a)).toBe(respelt);
    });
  });

  it('merges again to the same', () => {
    run(subject, (base, a, b) => {
      const once = merge(subject, base, a, b);
      expect(merge(subject, base, once, once)).toBe(once);
      expect(merge(subject, a, once, a)).toBe(once);
      expect(merge(subject, b, once, b)).toBe(once);
    });
  });
});

describe.each(lists.map((subject) => [subject.file, subject] as const))('the entries of %s', (_, subject) => {
  it('are those that a side added, and not those that a side removed', () => {
    run(subject, (base, a, b, c) => {
      const facts = new Set(subject.facts(merge(subject, base, merge(subject, base, a, b), c)));
      for (const side of [a, b, c]) {
        for (const fact of added(subject, base, side)) expect(facts).toContain(fact);
        for (const fact of removed(subject, base, side)) expect(facts).not.toContain(fact);
      }
      for (const fact of subject.facts(base)) {
        if ([a, b, c].every((side) => subject.facts(side).includes(fact))) expect(facts).toContain(fact);
      }
    });
  });

  it('stand in theirs’ order, and what ours added behind it', () => {
    run(subject, (base, a, b) => {
      if (subject === summary) return;
      const gone = new Set(removed(subject, base, b));
      const expected = [...subject.facts(a).filter((fact) => !gone.has(fact)), ...added(subject, base, b)];
      expect(subject.facts(merge(subject, base, a, b))).toEqual(expected);
    });
  });

  it('are all there where no base is known', () => {
    run(subject, (_base, a, b) => {
      expect(new Set(subject.facts(merge(subject, null, a, b)))).toEqual(new Set([...subject.facts(a), ...subject.facts(b)]));
    });
  });
});

describe('counts', () => {
  it('are the base’s and what each of three added', () => {
    run(entities, (base, a, b, c) => {
      const merged = merge(entities, base, merge(entities, base, a, b), c);
      for (const name of NAMES) {
        const of = (text: string): number => Object.getOwnPropertyDescriptor(JSON.parse(text).files, name)?.value.mentions ?? 0;
        const before = of(base);
        expect(of(merged)).toBe(before + [a, b, c].reduce((sum, side) => sum + of(side) - before, 0));
      }
    });
  });

  it('go with the newest five places', () => {
    run(entities, (base, a, b) => {
      const files: [string, { contexts: { ts: string }[]; lastSeen: string }][] = Object.entries(
        JSON.parse(merge(entities, base, a, b)).files,
      );
      for (const [name, { contexts, lastSeen }] of files) {
        const sides = [a, b].map((side) => Object.getOwnPropertyDescriptor(JSON.parse(side).files, name)?.value);
        const all = new Set(sides.flatMap((side) => (side?.contexts ?? []).map((context: unknown) => JSON.stringify(context))));
        const times = [...all].map((context): string => JSON.parse(context).ts).sort();
        const before = Object.getOwnPropertyDescriptor(JSON.parse(base).files, name)?.value;
        const [one, other] = sides.map((side) => JSON.stringify(side));
        // What one side left as it was is the other's, whatever its clock said.
        if ([one, other].includes(JSON.stringify(before)) || one === other) continue;
        if (sides.every((side) => side !== undefined)) expect(contexts.map(({ ts }) => ts).sort()).toEqual(times.slice(-5));
        expect(lastSeen).toBe(sides.map((side): string => side?.lastSeen ?? '').sort()[1]);
      }
    });
  });
});
