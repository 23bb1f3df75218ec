import { expect, it } from 'vitest';
import { isoTime } from './record-times.ts';

it.each([
  [0, '1970-01-01T00:00:00.000Z'],
  [8_640_000_000_000_000, '+275760-09-13T00:00:00.000Z'],
  [8_640_000_000_000_001, null],
  [Number.MAX_SAFE_INTEGER, null],
])('a commit may say that it was made at %s', (ms, time) => {
  expect(isoTime(ms)).toBe(time);
});
