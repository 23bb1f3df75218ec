import { expect, it } from 'vitest';
import { parseDate } from './parse-date.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');

it('takes days, times and so long ago', () => {
  expect(parseDate('2026-03-01', NOW, false)).toEqual({ ok: true, value: new Date(2026, 2, 1).getTime() });
  expect(parseDate('2026-03-01', NOW, true)).toEqual({ ok: true, value: new Date(2026, 2, 2).getTime() });
  expect(parseDate('2026-03-01T10:30Z', NOW, true)).toEqual({ ok: true, value: Date.parse('2026-03-01T10:30:00Z') });
  expect(parseDate('2026-03-01T10:30', NOW, false)).toEqual({ ok: true, value: new Date(2026, 2, 1, 10, 30).getTime() });
  expect(parseDate('7d', NOW, false)).toEqual({ ok: true, value: NOW - 7 * 86_400_000 });
  expect(parseDate('12h', NOW, true)).toEqual({ ok: true, value: NOW - 12 * 3_600_000 });
});

it('names what it expected', () => {
  expect(parseDate('2026-02-30', NOW, false)).toEqual({ ok: false, error: 'there is no day 2026-02-30' });
  for (const text of ['yesterday', '21.11.2026', '7', '7y', '2026-11-21T99:00', '2026-1-1', ''])
    expect(parseDate(text, NOW, false).ok).toBe(false);
});
