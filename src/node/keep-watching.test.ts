import { describe, expect, it } from 'vitest';
import type { ScanReport } from '../sources/file-tree/reports.ts';
import { keepWatching, type WatchHealth } from './keep-watching.ts';

const ROUND = { type: 'scan', report: {} as ScanReport } as const;

describe('a source that fails', () => {
  it('starts again after pauses that grow, says why meanwhile, and is well after a good round', async () => {
    const stop = new AbortController();
    const health: WatchHealth = { problem: null };
    const pauses: number[] = [];
    const seen: (string | null)[] = [];
    let starts = 0;
    const source = {
      async watch(onRound: (round: typeof ROUND) => void): Promise<void> {
        starts += 1;
        if (starts === 4) onRound(ROUND);
        seen.push(health.problem);
        if (starts === 6) return stop.abort();
        throw new Error(`trouble ${starts}`);
      },
    };
    const clock = { now: () => 0, sleep: async (ms: number) => void pauses.push(ms) };
    const failed: string[] = [];
    await keepWatching(source, { clock, health, onRound: () => undefined, onFailure: (error) => failed.push(String(error)) }, stop.signal);
    expect(pauses).toEqual([1_000, 2_000, 4_000, 1_000, 2_000]);
    expect(seen).toEqual([null, 'trouble 1', 'trouble 2', null, 'trouble 4', 'trouble 5']);
    expect(failed.length).toBe(5);
  });

  it('starts again within ten seconds where the disk was full, however long it has been', async () => {
    const stop = new AbortController();
    const pauses: number[] = [];
    const source = { watch: () => Promise.reject(Object.assign(new Error('no room'), { code: 'SQLITE_FULL' })) };
    const clock = { now: () => 0, sleep: async (ms: number) => void (pauses.push(ms) === 7 && stop.abort()) };
    const health: WatchHealth = { problem: null };
    await keepWatching(source, { clock, health, onRound: () => undefined, onFailure: () => undefined }, stop.signal);
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
    expect(health.problem).toMatch(/the disk is full/);
  });

  it('does not start again once it is to stop', async () => {
    const stop = new AbortController();
    const health: WatchHealth = { problem: null };
    const source = {
      watch: async (): Promise<void> => {
        stop.abort();
        throw new Error('the store is closed');
      },
    };
    const clock = { now: () => 0, sleep: () => Promise.reject(new Error('no pause is due')) };
    await keepWatching(source, { clock, health, onRound: () => undefined, onFailure: () => undefined }, stop.signal);
    expect(health.problem).toBeNull();
  });
});
