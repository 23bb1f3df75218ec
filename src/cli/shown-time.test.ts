import { describe, expect, it } from 'vitest';
import { shownAgo, shownTime, shownUntil } from './shown-time.ts';

const at = (...[month, day, hour, minute, year = 2026]: [number, number, number, number, number?]): string =>
  new Date(year, month - 1, day, hour, minute).toISOString();
const now = Date.parse(at(11, 21, 14, 5));

describe('times for people', () => {
  it('say no more than is needed', () => {
    expect(shownTime(at(11, 21, 9, 3), now)).toBe('09:03');
    expect(shownTime(at(11, 20, 23, 59), now)).toBe('20 Nov 23:59');
    expect(shownTime(at(1, 2, 3, 4, 2025), now)).toBe('2 Jan 2025 03:04');
  });

  it('say how long ago, as long as that tells more', () => {
    expect(shownAgo(at(11, 21, 14, 0), now)).toBe('5 min ago');
    expect(shownAgo(at(11, 20, 14, 0), now)).toBe('at 20 Nov 14:00');
    expect(shownAgo(at(11, 21, 14, 6), now)).toBe('at 14:06');
  });

  it('say until when, and how long that is', () => {
    expect(shownUntil(at(11, 21, 14, 15), now + 1_400)).toBe('in 10 min, at 14:15');
    expect(shownUntil(at(11, 22, 14, 5), now + 400)).toBe('in 1 d, at 22 Nov 14:05');
  });
});
