import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../core/limits.ts';
import { canonicalNumber } from './canonical-number.ts';
import { createMeanings } from './document.ts';
import { jsonKind } from './json.ts';
import { parseJson } from './parse-json.ts';

const of = (text: string) => ({ body: new Uint8Array(Buffer.from(text)), attributes: {} });

/** The merged text; of a conflict `!`, the reason, and what it settles. */
function merge(base: string | null, theirs: string, ours: string): string {
  const outcome = jsonKind.merge({ name: 'a.json', base: base === null ? null : of(base), theirs: of(theirs), ours: of(ours) });
  if (outcome.type === 'merged') return Buffer.from(outcome.version.body).toString();
  if (outcome.type === 'forked') return 'forked';
  return `! ${outcome.reason}${outcome.merged ? ` -> ${Buffer.from(outcome.merged.body).toString()}` : ''}`;
}

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

describe('objects merge by key', () => {
  it.each<[string, string | null, string, string, string]>([
    ['different keys', '{"a":1,"b":2}', '{"a":3,"b":2}', '{"a":1,"b":4}', '{"a":3,"b":4}'],
    ['nested keys', '{"a":{"x":1,"y":2}}', '{"a":{"x":9,"y":2}}', '{"a":{"x":1,"y":8}}', '{"a":{"x":9,"y":8}}'],
    ['new keys go to the end', '{"a":1}', '{"a":1,"t":2}', '{"o":3,"a":1}', '{"a":1,"t":2,"o":3}'],
    ['the same new key', '{}', '{"a":[1,{"b":2}]}', '{ "a": [1, {"b": 2.0}] , "c": 3}', '{"a":[1,{"b":2}],"c":3}'],
    ['removals on both sides', '{"a":1,"b":2,"c":3}', '{"b":2,"c":3}', '{"a":1,"b":2}', '{"b":2}'],
    ['everything is removed', '{"a":1,"b":2}', '{"a":1}', '{"b":2}', '{}'],
    ['an edit beats a removal', '{"a":1,"b":1}', '{"b":2}', '{"a":5,"b":1}', '{"b":2,"a":5}'],
    ['a new spelling is no edit', '{"a":1,"b":1}', '{"b":2}', '{"a":1.0,"b":1,"c":0}', '{"b":2,"c":0}'],
    ['no base: the union', null, '{"a":1}', '{"b":2}', '{"a":1,"b":2}'],
    ['no base: nested', null, '{"a":{"x":1}}', '{"a":{"y":2}}', '{"a":{"x":1,"y":2}}'],
    [
      '__proto__ is a key',
      '{}',
      '{"__proto__":{"x":1}}',
      '{"__proto__":{"y":2},"constructor":3}',
      '{"__proto__":{"x":1,"y":2},"constructor":3}',
    ],
    ['escaped keys are the same key', '{"a":1}', '{"\\u0061":2}', '{"a":1,"b":3}', '{"\\u0061":2,"b":3}'],
    ['a collision settles the rest', '{"a":1,"b":1}', '{"a":2,"b":1}', '{"a":3,"b":5}', '! both sides changed "a" -> {"a":2,"b":5}'],
    ['a collision alone leaves theirs', '{"a":1}', '{"a":2}', '{"a":3}', '! both sides changed "a"'],
    ['an object against a scalar', '{"a":{}}', '{"a":{"b":1}}', '{"a":2}', '! both sides changed "a"'],
    ['paths of collisions', '{}', '{"a":{"b c":1}}', '{"a":{"b c":2}}', '! both sides changed "a"."b c"'],
    ['not an object', '1', '2', '3', '! both sides changed the whole document'],
  ])('%s', (_, base, theirs, ours, expected) => expect(merge(base, theirs, ours)).toBe(expected));
});

describe('arrays', () => {
  it.each<[string, string, string, string, string]>([
    ['are sets where all are scalars', '["a","b","c"]', '["a","c","t"]', '["o","a","b"]', '["a","t","o"]'],
    ['the same addition once', '[1]', '[1,2]', '[2,1,3]', '[1,2,3]'],
    [
      'of arguments are one value',
      '{"s":{"args":["-y"],"env":["A"]}}',
      '{"s":{"args":["-y","/t"],"env":["A","T"]}}',
      '{"s":{"args":["-y","/o"],"env":["A","O"]}}',
      '! both sides changed "s"."args" -> {"s":{"args":["-y","/t"],"env":["A","T","O"]}}',
    ],
    [
      'of arguments change on one side',
      '{"args":["a"],"b":1}',
      '{"args":["a"],"b":2}',
      '{"args":["c","a"],"b":1}',
      '{"args":["c","a"],"b":2}',
    ],
    ['keep the other order of one side', '["a","b"]', '["b","a"]', '["a","b","c"]', '["b","a","c"]'],
    ['are atomic if they hold objects', '[{"a":1}]', '[{"a":1},{"b":2}]', '[{"a":1},{"c":3}]', '! both sides changed the whole document'],
    ['are atomic if they repeat an element', '[0,0]', '[0,0,1]', '[0,0,2]', '! both sides changed the whole document'],
    ['change on one side whatever they hold', '{"a":[{}],"b":1}', '{"a":[{}],"b":2}', '{"a":[{},[]],"b":1}', '{"a":[{},[]],"b":2}'],
  ])('%s', (_, base, theirs, ours, expected) => expect(merge(base, theirs, ours)).toBe(expected));
});

describe('the shown bytes stay', () => {
  it('where the merged value is theirs', () => {
    const theirs = '{\n    "b": 2,\n\n    "a": 1e0 }\n';
    expect(merge('{"a":0}', theirs, '{"a":1,"b":2.0}')).toBe(theirs);
  });

  it('where only formatting is new on our side', () => {
    expect(merge('{"a":1}', '{"a":2}', '{\n  "a": 1\n}\n')).toBe('{"a":2}');
  });

  it('character by character but for what changed', () => {
    const base = '{\n\t"a" : 1,\n\t"keep":  [1,   2],\n\t"obj": {"x": 1, "y": 2},\n\t"gone": null\n}\n';
    const theirs = base.replace('"a" : 1', '"a" : 7');
    const ours = JSON.stringify({ a: 1, keep: [1, 2, 3], obj: { x: 1, y: 3 }, list: [{ k: 'v' }, {}], one: 1 }, null, 2);
    expect(merge(base, theirs, ours)).toBe(
      '{\n\t"a" : 7,\n\t"keep":  [\n\t\t1,\n\t\t2,\n\t\t3\n\t],\n\t"obj": {\n\t\t"x": 1,\n\t\t"y": 3\n\t},\n\t"list": [\n\t\t{\n\t\t\t"k": "v"\n\t\t},\n\t\t{}\n\t],\n\t"one": 1\n}\n',
    );
  });

  it('with a byte order mark and CRLF', () => {
    expect(merge('{}', '\uFEFF{\r\n  "a": 1\r\n}\r\n', '{"b":{\n"c":[]}}')).toBe(
      '\uFEFF{\r\n  "a": 1,\r\n  "b": {\r\n    "c": []\r\n  }\r\n}\r\n',
    );
  });

  it('numbers beyond doubles keep their digits', () => {
    const base = '{"big":12345678901234567890,"huge":1e400,"a":1}';
    expect(merge(base, base.replace('"a":1', '"a":2'), '{"big":12345678901234567891,"huge":1e400,"a":1,"b":0.10}')).toBe(
      '{"big":12345678901234567891,"huge":1e400,"a":2,"b":0.10}',
    );
    expect(merge('{"a":1}', '{"a":12345678901234567890}', '{"a":12345678901234567891}')).toBe('! both sides changed "a"');
  });
});

describe('what cannot be merged with certainty is a conflict', () => {
  it.each<[string, string, string]>([
    ['not JSON', '{"a":1,}', 'not JSON'],
    ['empty', '', 'not JSON'],
    ['comments', '{/* */}', 'not JSON'],
    ['a key twice', '{"x":{"a":1,"\\u0061":2}}', 'a key occurs twice'],
    ['too deep', deep(LIMITS.jsonDepth + 1), 'nested deeper than 64'],
    ['very deep', deep(1_000_000), 'nested deeper than 64'],
    ['very many values', `[${'0,'.repeat(600_000)}0]`, 'too many values'],
  ])('%s', (_, ours, reason) => {
    expect(merge('{}', '{"t":1}', ours)).toBe(`! a side cannot be merged as JSON: ${reason}`);
    expect(merge('{}', ours, '{"t":1}')).toBe(`! a side cannot be merged as JSON: ${reason}`);
  });

  it('takes what is as deep as allowed', () => {
    expect(merge('[]', deep(LIMITS.jsonDepth), '{}')).toBe('! both sides changed the whole document');
  });

  it('takes long strings and numbers', () => {
    const long = `{"a":"${'\\"'.repeat(2_000_000)}","b":${'1'.repeat(2_000_000)}`;
    expect(merge(`${long}}`, `${long},"t":1}`, `${long},"o":1}`)).toBe(`${long},"t":1,"o":1}`);
  });
});

describe('parsing', () => {
  it('takes what JSON.parse takes, and loses no character', () => {
    const noise = fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', 'a', '1', '-', '.', 'e', ' ', '\n', 'null'), {
      maxLength: 12,
    });
    const text = fc.oneof(
      fc.json(),
      noise.map((parts) => parts.join('')),
      fc.tuple(fc.jsonValue(), fc.nat(4)).map(([value, indent]) => JSON.stringify(value, null, indent)),
    );
    fc.assert(
      fc.property(text, (value) => {
        const document = parseJson(value, createMeanings());
        const restored = document.ok
          ? document.value.before + value.slice(document.value.root.start, document.value.root.end) + document.value.after
          : null;
        expect(restored ?? value).toBe(value);
        expect(document.ok || document.error === 'a key occurs twice').toBe(isJson(value));
      }),
      { numRuns: 3_000 },
    );
  });

  it('gives equal meanings to equal values, whatever their spelling', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const meanings = createMeanings();
        const meaning = (text: string): number | undefined => {
          const document = parseJson(text, meanings);
          return document.ok ? document.value.root.meaning : undefined;
        };
        expect(meaning(JSON.stringify(a, null, 3))).toBe(meaning(JSON.stringify(a)));
        expect(meaning(JSON.stringify(a)) === meaning(JSON.stringify(b))).toBe(JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['1', '1.0'],
    ['100', '1E2'],
    ['0.010', '1e-2'],
    ['0', '0.0e5'],
    ['1e400', '10e399'],
    ['-12.50', '-125e-1'],
  ])('%s is %s', (a, b) => expect(canonicalNumber(a)).toBe(canonicalNumber(b)));

  it.each([
    ['12345678901234567890', '12345678901234567891'],
    ['0', '-0'],
    ['1e400', '1e401'],
    ['1', '-1'],
    ['0.1', '0.10000000000000001'],
  ])('%s is not %s', (a, b) => expect(canonicalNumber(a)).not.toBe(canonicalNumber(b)));
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    return !(error instanceof SyntaxError);
  }
}

/** Objects as sorted lists of entries, to compare regardless of order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, sorted(member)] as const);
  return { object: entries.toSorted(([a], [b]) => (a < b ? -1 : 1)) };
}
