import { expect, it } from 'vitest';
import { titleHidingLinks } from './hide-link.ts';

it('names the command of a process that was given a link, and leaves others alone', () => {
  expect(titleHidingLinks(['join', 'http://pi:1#satchel1.AAAA', '--name', 'x'])).toBe('satchel join');
  expect(titleHidingLinks(['keys', 'recover', 'http://pi:1#satchel1.AAAA'])).toBe('satchel keys');
  expect(titleHidingLinks(['http://pi:1#satchel1.AAAA'])).toBe('satchel');
  expect(titleHidingLinks(['join', 'http://pi:1'])).toBeNull();
});
