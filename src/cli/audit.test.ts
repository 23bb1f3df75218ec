import { expect, it } from 'vitest';
import { whenText } from './audit.ts';

it('says between which changes a record came, as far as that is known', () => {
  const at = (hours: number, minutes: number): string => new Date(2026, 10, 22, hours, minutes).toISOString();
  const now = Date.parse(at(12, 0));
  const said = (after: string | null, by: string | null): string => whenText({ known_after: after, known_by: by }, now);
  expect(said(at(5, 20), at(5, 34))).toBe('05:20 – 05:34');
  expect(said(at(5, 20), at(5, 20))).toBe('05:20');
  expect(said(null, at(5, 34))).toBe('by 05:34');
  expect(said(at(5, 34), at(5, 20))).toBe('by 05:20');
  expect(said(at(5, 20), null)).toBe('after 05:20');
  expect(said(null, null)).toBe('');
});
