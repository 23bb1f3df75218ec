import { expect, it } from 'vitest';
import { mayBeUsersLink } from './users-link.ts';

it.each([
  ['settings.json', true],
  ['CLAUDE.md', true],
  ['.claude.json', true],
  ['skills', true],
  ['skills/pdf', true],
  ['agents/reviewer.md', true],
  ['hooks/guard.sh', true],
  ['skills/pdf/references', false],
  ['skills/pdf/scripts/fill.py', false],
  ['plugins/marketplaces', false],
  ['plugins/cache/market/tool/1.0.0/keys', false],
  ['projects/-home-ada-app', false],
])('a link at %s may be its user’s: %s', (name, may) => expect(mayBeUsersLink(name)).toBe(may));
