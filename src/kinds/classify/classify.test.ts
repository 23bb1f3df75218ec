import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKindRegistry } from '../registry.ts';
import { classify } from './classify.ts';
import { DEFAULT_RULES } from './default-rules.ts';
import { matchPattern } from './match-pattern.ts';
import { anyCharacter } from '../../../tests/doubles/any-character.ts';

describe('the kind of a name', () => {
  it.each([
    ['CLAUDE.md', 'text'],
    ['README.MD', 'text'],
    ['rules/python.txt', 'text'],
    ['.gitignore', 'text'],
    ['hooks/run.sh', 'text'],
    ['Makefile', 'text'],
    ['settings.json', 'json'],
    ['todos/a-agent-b.json', 'session-file'],
    ['history.jsonl', 'history'],
    ['other/log.jsonl', 'jsonl'],
    ['projects/-home-me-x/1b4e28ba.jsonl', 'transcript'],
    ['projects/x/1b4e28ba/subagents/agent-1.jsonl', 'transcript'],
    ['projects/x/memory/MEMORY.md', 'text'],
    ['projects.jsonl', 'jsonl'],
    ['skills/foo/SKILL.md', 'folder'],
    ['skills/foo/data/x.jsonl', 'folder'],
    ['skills/note.md', 'text'],
    ['my/skills/foo.bin', 'opaque'],
    ['skills', 'opaque'],
    ['picture.png', 'opaque'],
    ['no-extension', 'opaque'],
    ['dir.md/file', 'opaque'],
    ['.md', 'opaque'],
    ['trailing.', 'opaque'],
  ])('%s is %s', (name, kind) => {
    expect(classify(name, DEFAULT_RULES)).toBe(kind);
    expect(createKindRegistry().get(kind)?.id).toBe(kind);
  });

  it('is that of the first rule that holds', () => {
    const rules = [
      { kind: 'one', pattern: 'a/*' },
      { kind: 'two', pattern: '**' },
    ];
    expect([classify('a/b', rules), classify('a/b/c', rules)]).toEqual(['one', 'two']);
  });

  it('is found for any name', () => {
    const registry = createKindRegistry();
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (name) => {
        expect(registry.get(classify(name, DEFAULT_RULES))).toBeDefined();
      }),
    );
  });
});

describe('patterns', () => {
  it.each<[string, string, boolean]>([
    ['*.md', 'a.md', true],
    ['*.md', 'a/b.md', false],
    ['**/*.md', 'b.md', true],
    ['**/*.md', 'a/a/b.md', true],
    ['a/**', 'a/b/c', true],
    ['a/**', 'ab/c', false],
    ['a/**/z', 'a/z', true],
    ['a/**/z', 'a/b/z/c/z', true],
    ['a/**/z', 'a/b/z/c', false],
    ['**/a/**/b', 'x/a/y/a/b', true],
    ['a?c', 'abc', true],
    ['a?c', 'aéc', true],
    ['a?c', 'a😀c', true],
    ['a?c', 'ac', false],
    ['a?c', 'a/c', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['a.c', 'abc', false],
    ['[a]+', '[a]+', true],
    ['A/b', 'a/B', true],
  ])('%s against %s: %s', (pattern, name, expected) => expect(matchPattern(pattern, name)).toBe(expected));

  it('agree with their regular expression', () => {
    const segment = fc
      .array(fc.constantFrom('a', 'b', '*', '?'), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join('').replaceAll(/\*+/g, '*'));
    const pattern = fc.array(fc.oneof(segment, fc.constant('**')), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    const name = fc.array(fc.stringMatching(/^[ab]{1,4}$/), { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(pattern, name, (glob, value) => {
        expect(matchPattern(glob, value)).toBe(toRegExp(glob).test(`${value}/`));
      }),
      { numRuns: 3_000 },
    );
  });

  it('cost no more than pattern times name', () => {
    expect(matchPattern(`${'*a'.repeat(200)}b`, 'a'.repeat(1_000))).toBe(false);
    expect(matchPattern(`${'**/a/'.repeat(30)}b`, Array.from({ length: 64 }, () => 'a').join('/'))).toBe(false);
  });
});

/** Of a name that ends in a slash. */
function toRegExp(glob: string): RegExp {
  const parts = glob
    .split('/')
    .map((part) => (part === '**' ? '(?:[^/]+/)*' : `${part.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}/`));
  return new RegExp(`^${parts.join('')}$`);
}
