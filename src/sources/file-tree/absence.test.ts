import { describe, expect, it } from 'vitest';
import { judgeAbsences } from './absence.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `f${index}`);
const nobody = new Set<string>();
const judge = (absent: number, shown: number, more: { recent?: number; confirmed?: Set<string>; held?: Set<string> } = {}) =>
  judgeAbsences({ absent: names(absent), shown, recent: 0, confirmed: nobody, held: nobody, limit: 20, many: 2_000, ...more });

describe('absences', () => {
  it.each([
    [20, 20, 20],
    [21, 42, 21],
    [21, 41, 0],
    [1_000, 2_000, 1_000],
    [2_000, 50_000, 2_000],
    [2_001, 50_000, 0],
    [0, 0, 0],
  ])('of %i among %i shown: %i are taken', (absent, shown, taken) => {
    const { take, hold } = judge(absent, shown);
    expect([take.length, hold.length]).toEqual([taken, absent - taken]);
  });

  it('count together with those just before', () => expect(judge(5, 10, { recent: 16 }).hold).toHaveLength(5));

  it('are taken where they were confirmed, and only those', () => {
    expect(judge(30, 30, { confirmed: new Set(names(30)) })).toMatchObject({ hold: [] });
    expect(judge(31, 31, { confirmed: new Set(names(5)) }).take).toHaveLength(5);
  });

  it('go on waiting even when others come that make them the lesser part', () => {
    const { take, hold } = judge(31, 1_000, { held: new Set(names(30)) });
    expect([take, hold.length]).toEqual([['f30'], 30]);
  });
});
