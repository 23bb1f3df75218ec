import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes } from '../core/content.ts';
import type { Kind, MergeOutcome, Version } from '../core/merge/kind.ts';
import { KINDS } from './registry.ts';
import { extent } from '../../tests/setup/extent.ts';
import { anyCharacter } from '../../tests/doubles/any-character.ts';

/** Names of each kind; a kind that is added without one fails here. */
const NAMES: { readonly [kind: string]: readonly string[] } = {
  text: ['CLAUDE.md'],
  json: ['settings.json'],
  jsonl: ['history.jsonl'],
  transcript: ['projects/p/1b4e28ba-2fa1-41d2-883f-0016d3cca427.jsonl'],
  folder: ['skills/a/SKILL.md', 'skills/a/b.json', 'skills/a/c.bin', 'skills/alone.md'],
  opaque: ['picture.png'],
  history: ['history.jsonl'],
  'session-file': ['todos/x.json', 'file-history/1b4e28ba-2fa1-41d2-883f-0016d3cca427/1234@v1'],
  project: ['.satchel/projects/app-0123456789ab'],
  'claude-mem': ['claude-mem/sessions/claude/1b4e28ba-2fa1-41d2-883f-0016d3cca427', 'claude-mem/prompts/s/1-2'],
  'mneme-log': ['mneme/-home-me-app/log.jsonl'],
  'mneme-remembered': ['mneme/-home-me-app/remembered.json'],
  'mneme-entities': ['mneme/-home-me-app/entities.json'],
  'mneme-summary': ['mneme/-home-me-app/summary.json'],
  'mneme-handoff': ['mneme/-home-me-app/handoff.json', 'mneme/-home-me-app/briefing-archive/1.json'],
};

const line = fc.constantFrom('a', 'b', 'c', '', '}', 'é', 'long enough to be a line');
const eol = fc.constantFrom('\n', '\n', '\r\n');

/** Three related texts: a base, and two lists of edits to it. New lines of a side say whose they are. */
const texts = fc
  .record({
    base: fc.array(line, { maxLength: 12 }),
    edits: fc.array(
      fc.record({ side: fc.constantFrom('t', 'o'), at: fc.nat(12), remove: fc.nat(2), add: fc.array(fc.nat(3), { maxLength: 2 }) }),
      { maxLength: 5 },
    ),
    ends: fc.tuple(eol, eol, eol),
    finals: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  })
  .map(({ base, edits, ends, finals }) => {
    const edited = (side: string): string[] => {
      const lines: string[] = [...base];
      for (const edit of edits) {
        if (edit.side === side)
          lines.splice(Math.min(edit.at, lines.length), edit.remove, ...edit.add.map((n) => (n === 0 ? 'both' : side + n)));
      }
      return lines;
    };
    return [base, edited('t'), edited('o')].map((lines, i) => lines.join(ends[i]) + (finals[i] ? ends[i] : ''));
  });

const key = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'x"y\\');
const scalar = fc.oneof(fc.constantFrom<unknown>(0, 1, -1.5, 'a', '', 'é\n', true, false, null));
const { document } = fc.letrec<{ document: unknown; value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(scalar, { maxLength: 4 }),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: false }),
  ),
  document: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: false }),
}));
const json = fc
  .tuple(
    fc.tuple(document, fc.constantFrom(undefined, 2, '\t')),
    fc.array(fc.tuple(document, fc.constantFrom(undefined, 2, 4)), { minLength: 2, maxLength: 2 }),
  )
  .map(([base, sides]) => [base, ...sides].map(([value, indent]) => JSON.stringify(value, null, indent)));

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const bodies = fc.oneof(
  { weight: 4, arbitrary: texts.map((all) => all.map(bytes)) },
  { weight: 4, arbitrary: json.map((all) => all.map(bytes)) },
  { weight: 1, arbitrary: fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 3, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.array(fc.string({ maxLength: 30, unit: anyCharacter }).map(bytes), { minLength: 3, maxLength: 3 }) },
);
const attributes: fc.Arbitrary<Attributes> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({}) },
  { weight: 4, arbitrary: fc.constantFrom<Attributes[]>({ mode: 493 }, { mode: 448 }, { other: [1, 'x'] }, { mode: 493, other: null }) },
  { weight: 1, arbitrary: fc.constant({ link: true }) },
);
const versions = fc
  .tuple(bodies, fc.tuple(attributes, attributes, attributes))
  .map(([all, attrs]) => all.map((body, i): Version => ({ body, attributes: attrs[i] ?? {} })) as [Version, Version, Version]);
const inputs = fc.record({ versions, withBase: fc.boolean(), name: fc.nat(9) });

function same(a: Version | null, b: Version | null): boolean {
  return JSON.stringify(a && [[...a.body], a.attributes]) === JSON.stringify(b && [[...b.body], b.attributes]);
}

function merged(version: Version): MergeOutcome {
  return { type: 'merged', version };
}

function inPlace(outcome: MergeOutcome, theirs: Version): Version {
  if (outcome.type === 'merged') return outcome.version;
  return outcome.type === 'conflict' ? (outcome.merged ?? theirs) : theirs;
}

/** Lines without their ends, as bytes. */
function linesOf(version: Version): string[] {
  const lines = Buffer.from(version.body).toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((text) => text.replace(/\r$/, ''));
}

/** What a document says, one string a fact. Scalars in arrays are facts of their own, since arrays merge as sets. */
function factsOf(version: Version): Set<string> {
  const facts = new Set<string>();
  const walk = (value: unknown, path: string): void => {
    if (Array.isArray(value) && value.every((element) => typeof element !== 'object' || element === null)) {
      facts.add(`${path}[]`);
      for (const element of value) facts.add(`${path}[]${JSON.stringify(element)}`);
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      facts.add(`${path}{}`);
      for (const [name, member] of Object.entries(value)) walk(member, `${path}.${JSON.stringify(name)}`);
    } else {
      facts.add(path + JSON.stringify(value));
    }
  };
  walk(JSON.parse(Buffer.from(version.body).toString()), '');
  return facts;
}

function isJson(version: Version): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(version.body));
    return true;
  } catch (error) {
    return !(error instanceof SyntaxError || error instanceof TypeError);
  }
}

const JSON_KINDS = new Set(['json', 'claude-mem', 'mneme-remembered', 'mneme-entities', 'mneme-summary', 'mneme-handoff']);

/** The rules by which a name's content is read: of a folder's file, its format's. */
function formatOf(kind: Kind, name: string): 'lines' | 'json' | 'bytes' {
  if (JSON_KINDS.has(kind.id) || (kind.id === 'folder' && name.endsWith('.json'))) return 'json';
  return kind.id === 'opaque' || name.endsWith('.bin') ? 'bytes' : 'lines';
}

function wholeOf(version: Version): Set<string> {
  return new Set([Buffer.from(version.body).toString('hex')]);
}

function attributesOf(version: Version | null): string[] {
  return Object.entries(version?.attributes ?? {}).map((entry) => JSON.stringify(entry));
}

function added(read: (version: Version) => Iterable<string>, base: Version | null, side: Version): string[] {
  const before = new Set(base === null ? [] : read(base));
  return [...read(side)].filter((fact) => !before.has(fact));
}

describe.each(KINDS.map((kind) => [kind.id, kind] as const))('the laws hold for %s', (id, kind) => {
  const names = NAMES[id] ?? [];
  const run = (check: (name: string, base: Version | null, theirs: Version, ours: Version) => void): void => {
    expect(names.length).toBeGreaterThan(0);
    const property = fc.property(inputs, ({ versions: [base, theirs, ours], withBase, name }) =>
      check(names[name % names.length] ?? '', withBase ? base : null, theirs, ours),
    );
    fc.assert(property, { numRuns: extent(250, 1_000) });
  };

  it('identity: what one side left as it was becomes the other side', () => {
    run((name, base, theirs, ours) => {
      expect(kind.merge({ name, base, theirs, ours: theirs })).toEqual(merged(theirs));
      expect(kind.merge({ name, base: theirs, theirs, ours })).toEqual(merged(ours));
      expect(kind.merge({ name, base: ours, theirs, ours })).toEqual(merged(theirs));
    });
  });

  it('determinism: equal input, equal outcome; the input stays as it was', () => {
    run((name, base, theirs, ours) => {
      const before = structuredClone({ name, base, theirs, ours });
      const outcome = kind.merge({ name, base, theirs, ours });
      expect(kind.merge(structuredClone(before))).toEqual(outcome);
      expect({ name, base, theirs, ours }).toEqual(before);
    });
  });

  it('nothing lost: what a side added is in the outcome, or in the sibling or fork', () => {
    run((name, base, theirs, ours) => {
      const outcome = kind.merge({ name, base, theirs, ours });
      const place = inPlace(outcome, theirs);
      const kept = outcome.type === 'merged' ? [theirs, ours] : [theirs];
      const format = formatOf(kind, name);
      const readable = format === 'json' && [base, theirs, ours].every((version) => version === null || isJson(version));
      const read = format === 'lines' ? linesOf : readable ? factsOf : wholeOf;
      const facts = new Set(read(place));
      const whole = [theirs, ours].some((side) => Buffer.from(side.body).equals(place.body));
      const missing = kept.flatMap((side) => {
        // In what grows at its end, an unfinished last line is kept by the line that it became.
        const torn = kind.appends || id === 'history' ? Buffer.from(side.body).toString('latin1').split('\n').at(-1) : '';
        const grown = (fact: string): boolean => fact === torn && [...facts].some((line) => line.startsWith(fact));
        return added(read, base, side).filter((fact) => !facts.has(fact) && !grown(fact));
      });
      expect(read === wholeOf && whole ? [] : missing).toEqual([]);
      const addedAttributes = kept.flatMap((side) => attributesOf(side).filter((entry) => !attributesOf(base).includes(entry)));
      expect(attributesOf(place)).toEqual(expect.arrayContaining(addedAttributes));
    });
  });

  it('symmetry: with the sides exchanged the same is said, whether it merges or not', () => {
    run((name, base, theirs, ours) => {
      const one = kind.merge({ name, base, theirs, ours });
      const other = kind.merge({ name, base, theirs: ours, ours: theirs });
      expect(other.type).toBe(one.type);
      if (one.type !== 'merged' || other.type !== 'merged') return;
      const format = formatOf(kind, name);
      const read = format === 'lines' ? linesOf : format === 'json' && isJson(one.version) ? factsOf : wholeOf;
      expect([...read(other.version)].sort()).toEqual([...read(one.version)].sort());
      expect(other.version.attributes).toEqual(one.version.attributes);
    });
  });

  it('an edit beats a deletion, but for a file of a folder unit, which conflicts', () => {
    run((name, base, edited) => {
      if (base !== null && same(base, edited)) return;
      const unit = kind.atomicGroups && kind.groupOf(name) !== null && base !== null;
      const expected = unit ? { type: 'conflict', reason: 'one side changed what the other deleted' } : merged(edited);
      expect(kind.merge({ name, base, theirs: edited, ours: null })).toEqual(expected);
      expect(kind.merge({ name, base, theirs: null, ours: edited })).toEqual(expected);
    });
  });

  it('merging again what was merged changes nothing', () => {
    run((name, base, theirs, ours) => {
      const outcome = kind.merge({ name, base, theirs, ours });
      if (outcome.type !== 'merged') return;
      expect(kind.merge({ name, base: theirs, theirs: outcome.version, ours: theirs })).toEqual(outcome);
      expect(kind.merge({ name, base: ours, theirs: outcome.version, ours })).toEqual(outcome);
    });
  });

  it('refuses to be asked about two deletions, or one of what did not change', () => {
    const version: Version = { body: bytes('x'), attributes: {} };
    const name = names[0] ?? '';
    expect(() => kind.merge({ name, base: version, theirs: null, ours: null })).toThrow('no merge');
    expect(() => kind.merge({ name, base: version, theirs: version, ours: null })).toThrow('no merge');
  });
});
