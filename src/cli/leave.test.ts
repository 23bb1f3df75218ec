import { expect, test } from 'vitest';
import { removedLine } from './leave.ts';

test('a purge says what it left standing', () => {
  expect(removedLine('/home/a/.satchel', [])).toBe('Removed /home/a/.satchel.');
  expect(removedLine('/home/a/.satchel', ['before-joining'])).toBe('Removed all but before-joining in /home/a/.satchel.');
});
