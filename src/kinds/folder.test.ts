import { describe, expect, it } from 'vitest';
import type { Version } from '../core/merge/kind.ts';
import { createFolderKind } from './folder.ts';
import { opaqueKind } from './opaque.ts';
import { createKindRegistry, folderKind, KINDS } from './registry.ts';

const of = (text: string): Version => ({ body: new Uint8Array(Buffer.from(text)), attributes: {} });
const merge = (name: string, base: string, theirs: string, ours: string) =>
  folderKind.merge({ name, base: of(base), theirs: of(theirs), ours: of(ours) });

describe('a folder is a unit', () => {
  it.each([
    ['skills/foo/a/b.md', 2, 'skills/foo'],
    ['skills/foo/SKILL.md', 2, 'skills/foo'],
    ['skills/note.md', 2, null],
    ['skills', 2, null],
    ['a/b/c/d', 3, 'a/b/c'],
    ['a/b', 1, 'a'],
  ])('%s at depth %i belongs to %s', (name, depth, group) => {
    expect(createFolderKind({ id: 'x', depth, memberKind: () => opaqueKind }).groupOf(name)).toBe(group);
  });

  it('is settled as a whole', () => expect(folderKind.atomicGroups).toBe(true));

  it('merges its files by their formats', () => {
    expect(merge('skills/a/SKILL.md', 'a\nb\nc\n', 'A\nb\nc\n', 'a\nb\nC\n')).toEqual({ type: 'merged', version: of('A\nb\nC\n') });
    expect(merge('skills/a/x.json', '{}', '{"t":1}', '{"o":1}')).toEqual({ type: 'merged', version: of('{"t":1,"o":1}') });
    expect(merge('skills/a/x.jsonl', 'a\n', 'a\nt\n', 'a\no\n').type).toBe('conflict');
    expect(merge('skills/a/x.png', 'a\nb\nc\n', 'A\nb\nc\n', 'a\nb\nC\n').type).toBe('conflict');
  });

  it('does not come half back to life', () => {
    const conflict = { type: 'conflict', reason: 'one side changed what the other deleted' };
    expect(folderKind.merge({ name: 'skills/a/x.md', base: of('a'), theirs: null, ours: of('b') })).toEqual(conflict);
    expect(folderKind.merge({ name: 'skills/a/x.md', base: of('a'), theirs: of('b'), ours: null })).toEqual(conflict);
    expect(folderKind.merge({ name: 'skills/note.md', base: of('a'), theirs: null, ours: of('b') }).type).toBe('merged');
  });
});

describe('the registry', () => {
  it('finds kinds by id', () => {
    const registry = createKindRegistry();
    expect(KINDS.map((kind) => registry.get(kind.id))).toEqual(KINDS);
    expect(registry.get('constructor')).toBeUndefined();
  });

  it('refuses two kinds of one id', () => expect(() => createKindRegistry([opaqueKind, opaqueKind])).toThrow('two kinds share an id'));

  it('holds the ids that stand in items', () => {
    expect(KINDS.map((kind) => kind.id)).toEqual([
      'text',
      'json',
      'jsonl',
      'transcript',
      'folder',
      'opaque',
      'project',
      'session-file',
      'history',
      'claude-mem',
      'mneme-log',
      'mneme-remembered',
      'mneme-entities',
      'mneme-summary',
      'mneme-handoff',
    ]);
  });
});
