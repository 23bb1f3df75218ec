import { describe, expect, it } from 'vitest';
import { nearestName } from './nearest-name.ts';

describe('nearestName', () => {
  const known = ['status', 'sync', 'show', 'search'];
  it.each([
    ['stauts', 'status'],
    ['STATUS', 'status'],
    ['synk', 'sync'],
    ['shwo', 'show'],
    ['seerch', 'search'],
    ['zebra', null],
    ['', null],
  ])('%s → %s', (name, expected) => {
    expect(nearestName(name, known)).toBe(expected);
  });
});
