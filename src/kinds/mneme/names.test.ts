import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseItem } from '../../core/item.ts';
import { givenProject, mappedProject, MNEME_FILES, mnemeGroup, mnemeItem, parseMnemeName, projectId } from './names.ts';
import { anyCharacter } from '../../../tests/doubles/any-character.ts';

const given = (id: string): string => {
  const project = givenProject(id);
  return project.ok ? project.value : `! ${project.error}`;
};

describe('a project in a name', () => {
  it.each([
    ['-home-me-app', '-home-me-app'],
    ['a.b', 'a.b'],
    ['a/b', 'a%2Fb'],
    ['a_b', 'a_b'],
    ['..', '%2E.'],
    ['.', '%2E'],
    ['../../etc', '%2E.%2F..%2Fetc'],
    ['%ZZ', '%25ZZ'],
    ['~app', '%7Eapp'],
    ['C:\\x', 'C%3A%5Cx'],
    ['é', '%C3%A9'],
    ['e\u0301', 'e%CC%81'],
    ['\0', '%00'],
    ['', '! a project id is empty'],
    ['\ud800', '! a project id is not well-formed Unicode'],
    ['x'.repeat(901), '! a project id is too long'],
    ['é'.repeat(300), '! a project id is too long'],
    ['x'.repeat(300), 'x'.repeat(300)],
  ])('%j is %s', (id, expected) => expect(given(id)).toBe(expected));

  it('comes back, collides with none, and makes a name that every space takes', () => {
    const id = fc.string({ unit: anyCharacter, minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(id, id, (one, other) => {
        const [a, b] = [givenProject(one), givenProject(other)];
        if (!a.ok || !b.ok) return;
        expect(projectId(a.value)).toEqual({ type: 'given', id: one });
        expect(a.value === b.value).toBe(one === other);
        for (const file of MNEME_FILES) {
          const { kind, name } = mnemeItem(a.value, file);
          expect(parseItem(kind, name).ok).toBe(true);
          expect(parseMnemeName(name)).toEqual({ project: a.value, file });
        }
      }),
    );
  });

  it('of the map is told from one that a client gave', () => {
    expect(projectId(mappedProject('app-0123456789ab'))).toEqual({ type: 'mapped', id: 'app-0123456789ab' });
    expect(given('~app-0123456789ab')).not.toBe(mappedProject('app-0123456789ab'));
    expect(() => mappedProject('../x')).toThrow('not the id of a project');
  });

  it.each(['', '.', '..', 'a%2f', '%41', 'a%', 'a b', 'a%FF', '~', '~A', '%2E%2E'])('%j is none', (text) => {
    expect(projectId(text)).toBeNull();
  });

  it('groups what it has', () => {
    expect(mnemeGroup('mneme/-home-me-app/log.jsonl')).toBe('mneme/-home-me-app');
    expect(mnemeGroup('mneme/-home-me-app/briefing-archive/1.json')).toBe('mneme/-home-me-app');
    for (const name of ['mneme/x', 'mneme//log.jsonl', 'mneme/x/', 'other/x/log.jsonl']) expect(mnemeGroup(name)).toBeNull();
  });
});
