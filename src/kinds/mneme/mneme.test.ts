import { describe, expect, it } from 'vitest';
import type { Kind } from '../../core/merge/kind.ts';
import { clampSummary } from './clamp-summary.ts';
import { mnemeEntitiesKind } from './entities-kind.ts';
import { fileProblem } from './file-problem.ts';
import { mnemeHandoffKind } from './handoff-kind.ts';
import { mnemeLogKind } from './log-kind.ts';
import { mnemeRememberedKind } from './remembered-kind.ts';
import { renderSummary } from './render-summary.ts';
import { mnemeSummaryKind } from './summary-kind.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (body: Uint8Array | null): string => (body === null ? '(none)' : Buffer.from(body).toString());
const of = (body: string) => ({ body: bytes(body), attributes: {} });

function merge(kind: Kind, base: string | null, theirs: string, ours: string): string {
  const outcome = kind.merge({ name: 'mneme/p/x', base: base === null ? null : of(base), theirs: of(theirs), ours: of(ours) });
  if (outcome.type === 'merged') return text(outcome.version.body);
  if (outcome.type === 'forked') return '>';
  return `! ${outcome.reason}${outcome.merged === undefined ? '' : ` | ${text(outcome.merged.body)}`}`;
}

const merged = (kind: Kind, base: unknown, theirs: unknown, ours: unknown): unknown =>
  JSON.parse(merge(kind, base === null ? null : JSON.stringify(base), JSON.stringify(theirs), JSON.stringify(ours)));

describe('log.jsonl', () => {
  it.each<[string, string | null, string, string, string]>([
    ['both went on', 'a\n', 'a\nt\n', 'a\no\n', 'a\nt\no\n'],
    ['they summarised, we went on', 'a\nb\nc\n', 'c\n', 'a\nb\nc\no\n', 'c\no\n'],
    ['we summarised, they went on', 'a\nb\nc\n', 'a\nb\nc\nt\n', 'c\n', 'c\nt\n'],
    ['both summarised', 'a\nb\nc\n', 'b\nc\nt\n', 'c\no\n', 'c\nt\no\n'],
    ['all of it was summarised', 'a\nb\n', '', 'a\nb\no\n', 'o\n'],
    ['two unfinished lines', 'a\n', 'a\nt\nx', 'a\no\ny', 'a\nt\nx\no\ny\n'],
    ['an unfinished line was finished', 'a\n', 'a\n{"tor', 'a\n{"torn"}\n', 'a\n{"torn"}\n'],
  ])('%s', (_, base, theirs, ours, expected) => expect(merge(mnemeLogKind, base, theirs, ours)).toBe(expected));
});

describe('remembered.json', () => {
  const fact = (content: string) => ({ ts: '2026-01-01T00:00:00.000Z', type: 'fact', content });
  const [a, b, t, o] = ['a', 'b', 't', 'o'].map(fact);

  it('is the client’s file: two spaces, a newline, what is merged in at the end', () => {
    const file = (...entries: unknown[]): string => `${JSON.stringify(entries, null, 2)}\n`;
    expect(merge(mnemeRememberedKind, file(a), file(a, t), file(a, o))).toBe(file(a, t, o));
    expect(merge(mnemeRememberedKind, file(), file(t), file(o))).toBe(file(t, o));
  });

  it('keeps forgotten what either side forgot', () => {
    expect(merged(mnemeRememberedKind, [a, b], [b, t], [a, o])).toEqual([t, o]);
  });

  it('keeps what it does not know', () => {
    expect(merged(mnemeRememberedKind, [a, 7], [a, 7, 'x'], [{ ...a, tag: 1 }, { no: 'key' }])).toEqual([
      { ...a, tag: 1 },
      'x',
      { no: 'key' },
    ]);
  });

  it.each(['', '[', '{"a":1', '[]\0', '\xff'])('takes %j apart from what is one', (broken) => {
    expect(merge(mnemeRememberedKind, '[]', '["t"]', broken)).toMatch(/^! a side cannot be merged: [^|]*$/);
    expect(merge(mnemeRememberedKind, '[]', broken, '["o"]')).toMatch(/^! a side cannot be merged: [^|]*$/);
  });

  it('does without a base that cannot be read', () => expect(merged(mnemeRememberedKind, null, [a], [b])).toEqual([a, b]));
});

describe('entities.json', () => {
  const entity = (mentions: number, ...times: number[]) => ({
    mentions,
    lastSeen: `2026-01-0${times.at(-1) ?? 1}T00:00:00.000Z`,
    contexts: times.map((day) => ({ ts: `2026-01-0${day}T00:00:00.000Z`, type: 'prompt', summary: String(day) })),
  });
  const count = (base: unknown, theirs: unknown, ours: unknown): unknown => {
    const file = (x: unknown) => ({ files: x === undefined ? {} : { 'x.ts': x } });
    return (
      merged(mnemeEntitiesKind, base === null ? null : file(base), file(theirs), file(ours)) as {
        files: Record<string, { mentions: number }>;
      }
    ).files['x.ts']?.mentions;
  };

  it.each([
    ['both mentioned it', entity(3, 1), entity(5, 1, 2), entity(4, 1, 3), 6],
    ['both for the first time', undefined, entity(1, 1), entity(2, 2), 3],
    ['the same mention on two ways', entity(1, 1), entity(2, 1, 2), entity(2, 1, 2), 2],
    ['pruned here, mentioned there', entity(3, 1), undefined, entity(4, 1, 2), 4],
    ['pruned and begun anew', entity(9, 1), entity(1, 2), entity(10, 1, 3), 2],
    ['pruned and begun anew by both', entity(9, 1), entity(1, 2), entity(2, 3), 3],
    ['no base, and nothing in common', null, entity(1, 1), entity(2, 2), 3],
    ['no base, but a common past', null, entity(7, 1, 2), entity(5, 1, 3), 7],
  ])('counts: %s', (_, base, theirs, ours, expected) => expect(count(base, theirs, ours)).toBe(expected));

  it('forgets what one side pruned and the other left', () => expect(count(entity(3, 1), undefined, entity(3, 1))).toBeUndefined());

  it('takes any name', () => {
    const named = (mentions: number): string => `{"files":{"__proto__":{"mentions":${mentions},"lastSeen":null,"contexts":[]}}}`;
    expect(JSON.parse(merge(mnemeEntitiesKind, named(1), named(2), named(3))).files).toEqual(JSON.parse(named(4)).files);
  });

  it('keeps more places where a client keeps more', () => {
    const places = merged(
      mnemeEntitiesKind,
      { f: { x: entity(1, 1) } },
      { f: { x: entity(7, 1, 2, 3, 4, 5, 6, 7) } },
      { f: { x: entity(2, 1, 8) } },
    ) as {
      f: { x: { contexts: { summary: string }[] } };
    };
    expect(places.f.x.contexts.map(({ summary }) => summary).join('')).toBe('2345678');
  });

  it('settles what it knows where something else collides', () => {
    expect(merge(mnemeEntitiesKind, '{"v":1}', '{"v":2,"files":{}}', '{"v":3,"errors":{}}')).toBe(
      '! both sides changed "v" | {\n  "v": 2,\n  "files": {},\n  "errors": {}\n}',
    );
  });
});

describe('summary.json', () => {
  const decisions = (...names: string[]) => ({
    keyDecisions: names.map((decision) => ({ date: '2026-01-01', decision, reason: '', foundational: decision.startsWith('F') })),
  });
  const named = (doc: unknown): string => (doc as ReturnType<typeof decisions>).keyDecisions.map(({ decision }) => decision).join(' ');
  const ten = ['F0', ...Array.from({ length: 9 }, (_, i) => `d${i}`)];

  it('evicts the oldest decision, foundational ones last', () => {
    expect(named(merged(mnemeSummaryKind, decisions(...ten), decisions(...ten.slice(0, -1), 't'), decisions(...ten, 'o')))).toBe(
      'F0 d1 d2 d3 d4 d5 d6 d7 t o',
    );
    const theirs = decisions(...ten.slice(0, 8), 't1', 't2');
    expect(named(merged(mnemeSummaryKind, decisions(...ten.slice(0, 8)), theirs, decisions(...ten.slice(0, 8), 'o')))).toBe(
      'F0 d1 d2 d3 d4 d5 d6 t1 t2 o',
    );
    const old = Array.from({ length: 10 }, (_, i) => `F${i}`);
    expect(
      named(merged(mnemeSummaryKind, decisions(...old.slice(1)), decisions(...old.slice(1), 'Ft'), decisions(...old.slice(1), 'Fo', 'o'))),
    ).toBe('F2 F3 F4 F5 F6 F7 F8 F9 Ft Fo');
  });

  it('knows a state by its topic, and what is completed by its status too', () => {
    const states = (...entries: [string, string][]) => ({ currentState: entries.map(([topic, status]) => ({ topic, status })) });
    expect(
      merged(
        mnemeSummaryKind,
        states(['login', 'begun']),
        states(['login', 'works'], ['Completed', 't']),
        states(['login', 'fails'], ['Completed', 'o'], ['search', 'new']),
      ),
    ).toEqual(states(['login', 'fails'], ['Completed', 't'], ['Completed', 'o'], ['search', 'new']));
  });

  it('says the lower of two indexes into the log, the later of two times, and our context', () => {
    const doc = (lastEntryIndex: number, hour: number, projectContext: string) => ({
      projectContext,
      lastUpdated: `2026-01-01T0${hour}:00:00.000Z`,
      lastEntryIndex,
    });
    expect(merged(mnemeSummaryKind, doc(5, 1, 'b'), doc(9, 3, 't'), doc(7, 2, 'o'))).toEqual(doc(7, 3, 'o'));
  });

  it('is clamped to the log beside it', () => {
    const doc = (index: number): string => `${JSON.stringify({ projectContext: '', lastEntryIndex: index }, null, 2)}\n`;
    expect(text(clampSummary(bytes(doc(60)), bytes('a\nb\n\nc')))).toBe(doc(3));
    for (const body of [doc(3), doc(0), '{"lastEntryIndex":"60"}', '[1', '{"lastUpdated":null}'])
      expect(text(clampSummary(bytes(body), bytes('a\nb\nc\n')))).toBe(body);
  });

  it('is rendered', () => {
    const long = `${'because of many things '.repeat(10)}.`;
    const doc = {
      projectContext: 'An app.',
      keyDecisions: [
        { date: null, decision: 'Use SQLite', reason: 'nothing to install' },
        { decision: 'No reason', reason: null },
        { decision: 'Long', reason: long },
      ],
      currentState: [{ topic: 'Completed', status: 'login' }, 'odd', { status: 'no topic' }],
      recentWork: [{ date: '2026-01-02', summary: 'tests' }, { summary: 'more' }],
      lastUpdated: '2026-01-03T04:05:06.789Z',
    };
    const lines = text(renderSummary(bytes(JSON.stringify(doc)))).split('\n');
    expect(lines.filter((line) => !line.startsWith('- **Long**'))).toEqual([
      '# Claude Memory Summary',
      '',
      '*Last updated: 2026-01-03 04:05:06 UTC*',
      '',
      '## Project Context',
      'An app.',
      '',
      '## Key Decisions',
      '- **Use SQLite** — nothing to install',
      '- **No reason**',
      '',
      '## Current State',
      '- **Completed**: login',
      '',
      '## Recent Work',
      '- [2026-01-02] tests',
      '- more',
      '',
    ]);
    expect(lines.find((line) => line.startsWith('- **Long**'))).toMatch(/^- \*\*Long\*\* — because .{100,150}\.\.\.$/);
    expect(text(renderSummary(bytes('{}')))).toBe('# Claude Memory Summary\n');
    for (const none of ['', '[]', '{']) expect(renderSummary(bytes(none))).toBeNull();
  });
});

describe('handoff.json', () => {
  const note = (hour: number | null, text: string) => ({ ...(hour === null ? {} : { ts: `2026-01-01T0${hour}:00:00.000Z` }), text });
  const both = (theirs: unknown, ours: unknown): string =>
    merge(mnemeHandoffKind, JSON.stringify(note(1, 'base')), JSON.stringify(theirs), JSON.stringify(ours));

  it('is the newest, whoever wrote it', () => {
    expect(JSON.parse(both(note(3, 't'), note(2, 'o')))).toEqual(note(3, 't'));
    expect(JSON.parse(both(note(2, 't'), note(3, 'o')))).toEqual(note(3, 'o'));
    expect(both(note(2, 'x'), note(2, 'y'))).toBe(both(note(2, 'y'), note(2, 'x')));
  });

  it('is a conflict where nobody says when', () => expect(both(note(null, 't'), note(null, 'o'))).toMatch(/^! both sides changed "text"/));
});

describe('what cannot be such a file', () => {
  it.each([
    ['log.jsonl', 'anything\n', null],
    ['remembered.json', '[]', null],
    ['remembered.json', '{}', 'is no JSON array'],
    ['summary.json', '{}', null],
    ['entities.json', '[]', 'is no JSON object'],
    ['entities.json', '', 'is empty'],
    ['entities.json', '{"files"', 'cannot be read: not JSON'],
    ['handoff.json', '', 'is empty'],
    ['briefing-archive/1.json', '', null],
  ])('%s with %j: %j', (file, body, problem) => expect(fileProblem(file, bytes(body))).toBe(problem));
});
