import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Version } from '../../src/core/merge/kind.ts';
import { KINDS } from '../../src/kinds/registry.ts';
import { parseAnswer } from '../../src/kinds/claude-home/consent-answer.ts';
import { parseProject } from '../../src/kinds/claude-home/project.ts';
import { OperationFailure } from '../../src/node/operations/operation.ts';
import { parseInput } from '../../src/node/operations/run.ts';
import { OPERATIONS, type OperationName } from '../../src/node/operations/table.ts';
import { mutated, noise } from './mutate.ts';
import { extent } from '../setup/extent.ts';

/** What members write, and what callers ask, reaches mergers and operations as it is: neither throws, nor waits for ever. */
const bytes = (text: string): Buffer => Buffer.from(text);
const version = (body: Uint8Array): Version => ({ body, attributes: {} });

const GOOD: readonly Buffer[] = [
  bytes('one\ntwo\nthree\n'),
  bytes('{"a":{"b":[1,2,{"c":null}]},"d":"e"}\n'),
  bytes('{"type":"user","uuid":"1","sessionId":"s"}\n{"type":"assistant","uuid":"2","parentUuid":"1"}\n'),
  bytes('{"aliases":["git:x","path:y"]}\n'),
];

/** Small to send, and large or deep to read. */
const BOMBS: readonly (readonly [string, Buffer])[] = [
  ['lists in lists', bytes('['.repeat(200_000))],
  ['lists in lists, closed', bytes('['.repeat(100_000) + ']'.repeat(100_000))],
  ['maps in maps', bytes(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)],
  ['one line of 4 MB', Buffer.alloc(4_000_000, 'x')],
  ['300,000 empty lines', Buffer.alloc(300_000, '\n')],
  ['100,000 equal lines', bytes('same\n'.repeat(100_000))],
  ['a number of 100,000 digits', bytes(`{"a":${'9'.repeat(100_000)}}`)],
  ['keys that reach a prototype', bytes('{"__proto__":{"a":1},"constructor":{"prototype":{"b":2}}}')],
  ['a key again and again', bytes(`{${'"a":1,'.repeat(20_000)}"a":1}`)],
  ['half a character', bytes('"\\ud800"')],
  ['zeros', Buffer.alloc(100_000)],
  ['nothing', Buffer.alloc(0)],
];

const body = fc.oneof(noise, fc.constantFrom(...GOOD), ...GOOD.map((good) => mutated(good)));

describe.each(KINDS.map((kind) => [kind.id, kind] as const))('the merger of %s', (_id, kind) => {
  it('takes any three bodies', () => {
    fc.assert(
      fc.property(fc.option(body), body, body, fc.constantFrom('skills/a/b.md', 'settings.json', 'x'), (base, theirs, ours, name) => {
        const sides = { base: base === null ? null : version(base), theirs: version(theirs), ours: version(ours) };
        const outcome = kind.merge({ name, ...sides });
        expect(['merged', 'conflict', 'forked']).toContain(outcome.type);
        expect(kind.merge({ name, ...sides })).toEqual(outcome);
      }),
      { numRuns: extent(100, 400) },
    );
  });

  it.each(BOMBS)('takes %s, on either side', (_what, bomb) => {
    const [json, other] = [['skills/a/x.json', GOOD[1] as Buffer] as const, ['x', GOOD[0] as Buffer] as const];
    for (const [name, good] of extent([json], [json, other])) {
      for (const [base, theirs, ours] of [
        [good, bomb, bytes(`${good.toString()}more\n`)],
        [good, bytes(`${good.toString()}more\n`), bomb],
        [bomb, good, Buffer.concat([bomb, bytes('x')])],
      ] as const) {
        const outcome = kind.merge({ name, base: version(base), theirs: version(theirs), ours: version(ours) });
        expect(['merged', 'conflict', 'forked']).toContain(outcome.type);
      }
    }
    expect(({} as Record<string, unknown>)['a'] ?? ({} as Record<string, unknown>)['b']).toBeUndefined();
  });
});

describe('small bodies that the node reads itself', () => {
  it('answers to questions of consent and aliases of projects: what they are, or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(body, fc.json().map(bytes)), (foreign) => {
        expect([null, 'approved', 'rejected']).toContain(parseAnswer(foreign));
        const project = parseProject(foreign);
        if (project.ok) for (const alias of project.value) expect(typeof alias).toBe('string');
      }),
      { numRuns: extent(300, 1_000) },
    );
    for (const [, bomb] of BOMBS) {
      expect(parseAnswer(bomb)).toBeNull();
      expect(parseProject(bomb).ok).toBe(false);
    }
  });
});

describe('the operations of a node', () => {
  const names = Object.keys(OPERATIONS) as OperationName[];

  it.each(names)('%s takes what it knows, and names what it does not', async (name) => {
    const words = fc.constantFrom(
      'space',
      'item',
      'revision',
      'path',
      'link',
      'words',
      'address',
      'limit',
      'name',
      'role',
      'minutes',
      'to',
    );
    const input = fc.oneof(fc.jsonValue(), fc.dictionary(fc.oneof(words, fc.string()), fc.jsonValue({ maxDepth: 2 })));
    await fc.assert(
      fc.asyncProperty(input, async (value) => {
        const parsed: unknown = await parseInput(name, value).catch((error: unknown) => error);
        if (parsed instanceof Error) {
          expect(parsed).toBeInstanceOf(OperationFailure);
          expect(parsed).toMatchObject({ kind: 'usage', type: 'bad-input' });
        }
      }),
      { numRuns: extent(20, 60) },
    );
    const deep: unknown = JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`);
    await expect(parseInput(name, deep)).rejects.toBeInstanceOf(OperationFailure);
    await expect(parseInput(name, { item: deep, space: 'x'.repeat(10_000_000) })).rejects.toBeInstanceOf(OperationFailure);
  });
});
