import { expect, it } from 'vitest';
import { foundId, parseFoundId } from './found-id.ts';

const item = { kind: 'text', name: 'CLAUDE.md' };

it('is told from a revision at sight, and found again by its beginning', () => {
  const id = foundId(item, null);
  expect(id).toMatch(/^[k-z]{10}$/);
  expect(parseFoundId(id)?.isOf(item)).toBe(true);
  expect(parseFoundId(id.slice(0, 4))?.isOf(item)).toBe(true);
  expect(parseFoundId(id)?.isOf({ kind: 'json', name: 'CLAUDE.md' })).toBe(false);
  expect(parseFoundId(foundId(item, 12))).toMatchObject({ number: 12 });
});

it('is no name of anything else', () => {
  for (const text of ['3f9a12cd', 'CLAUDE.md', 'kkk', 'mkqv:', 'mkqv:x', 'mkqv/x', 'k'.repeat(65), ''])
    expect(parseFoundId(text)).toBeNull();
});
