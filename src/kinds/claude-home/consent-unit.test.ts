import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consentUnit } from './consent-unit.ts';
import { INVENTORY } from './inventory.ts';
import { DEFAULT_CHOICE, locate } from './locate.ts';

const segment = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,8}$/);

/** Names that match a pattern. */
function namesOf(pattern: string): fc.Arbitrary<string> {
  const parts = pattern.split('/').map((part): fc.Arbitrary<string> => {
    if (part === '**') return fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));
    return segment.map((filler) => part.replaceAll('*', filler));
  });
  return fc.tuple(...parts).map((segments) => segments.join('/'));
}

const upper = (name: string, mask: number): string =>
  Array.from(name, (character, index) => ((mask >> (index % 30)) & 1 ? character.toUpperCase() : character)).join('');

describe('what needs an answer', () => {
  it.each(INVENTORY.map(({ pattern }) => pattern))('is everything at %s that is not known to be inert', (pattern) => {
    fc.assert(
      fc.property(namesOf(pattern), fc.nat(2 ** 30 - 1), (plain, mask) => {
        for (const name of [plain, upper(plain, mask)]) {
          const located = locate(name);
          if (located.type !== 'carried') continue;
          const unit = consentUnit(name, false);
          expect(unit !== null).toBe(located.row.applies === 'consent');
          // A link makes something else stand there, whatever the place.
          expect(consentUnit(name, true)).not.toBeNull();
          if (unit?.type === 'file') expect(unit.path).toBe(name);
          if (unit?.type === 'folder') expect(name.startsWith(`${unit.path}/`)).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is all that the user included, and what no line names', () => {
    const choice = { ...DEFAULT_CHOICE, include: ['**'] };
    for (const name of ['bin/tool', 'settings.local.json', 'new-feature/x']) expect(consentUnit(name, false, choice)).not.toBeNull();
    expect(consentUnit('new-feature/x', false)).not.toBeNull();
  });

  it.each([
    ['skills/pdf/scripts/fill.py', 'folder', 'skills/pdf'],
    ['Skills/pdf/SKILL.md', 'folder', 'Skills/pdf'],
    ['skills/note.md', 'file', 'skills/note.md'],
    ['skills', 'file', 'skills'],
    ['agents/team/reviewer.md', 'file', 'agents/team/reviewer.md'],
    ['plugins/cache/market/tool/1.0.0/hooks/hooks.json', 'folder', 'plugins/cache/market/tool'],
    ['plugins/marketplaces/market/.claude-plugin/marketplace.json', 'folder', 'plugins/marketplaces/market'],
    ['plugins/cache/x', 'file', 'plugins/cache/x'],
  ])('%s goes by the %s %s', (name, type, path) => expect(consentUnit(name, false)).toMatchObject({ type, path }));

  it('covers the removal of what guards', () => {
    expect(consentUnit('hooks/guard.sh', false)?.removalAsks).toBe(true);
    expect(consentUnit('agents/a.md', false)?.removalAsks).toBe(false);
  });
});
