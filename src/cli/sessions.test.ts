import { expect, test } from 'vitest';
import { searchOf } from './sessions.ts';

test.each([
  [[], ''],
  [['login', 'bug'], 'login bug'],
  [['search', 'login', 'bug'], 'login bug'],
  [['search'], 'search'],
  [['full', 'search'], 'full search'],
])('the words %j look for %j', (words, search) => {
  expect(searchOf(words)).toBe(search);
});
