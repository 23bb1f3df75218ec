import { expect, it } from 'vitest';
import { cutMiddle } from './cut-middle.ts';

it('cuts the middle out of what is too long', () => {
  expect(cutMiddle('12345', 5)).toBe('12345');
  expect(cutMiddle('123456', 5)).toBe('12…56');
  expect(cutMiddle('1234567', 6)).toBe('123…67');
  expect(cutMiddle('😀😀😀😀', 3)).toBe('😀…😀');
});
