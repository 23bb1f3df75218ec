import { describe, expect, it } from 'vitest';
import type { SpaceId } from '../core/ids.ts';
import type { Head, LogRecord } from '../core/log/record.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { AppendOutcome, Segment } from '../core/ports/remote.ts';
import { withAppendTurns } from './append-turns.ts';

const SPACE = 'space' as SpaceId;

/** A log that is its length, and time that passes when a test says so. */
function createPlace() {
  let [length, now] = [0, 0];
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  const clock: Clock = {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const sleeper = { at: now + ms, wake: (): void => (sleepers.delete(sleeper) ? resolve() : undefined) };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', sleeper.wake);
      }),
  };
  const append = async (_space: SpaceId, expected: Head, _segment: Segment): Promise<AppendOutcome> => {
    if (expected.position !== length) return { type: 'moved', head: null, missing: [] };
    length += 1;
    return { type: 'appended', head: { ...expected, position: length } };
  };
  const remote = withAppendTurns({ append }, clock);
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  };
  return {
    settle,
    length: () => length,
    tryAt: (signer: string, position: number): Promise<AppendOutcome['type']> => {
      const segment = { records: [{ header: { signer } } as unknown as LogRecord], objects: [] } satisfies Segment;
      return remote.append(SPACE, { position } as Head, segment).then((outcome) => outcome.type);
    },
    pass: async (ms: number): Promise<void> => {
      now += ms;
      for (const sleeper of sleepers) if (sleeper.at <= now) sleeper.wake();
      await settle();
    },
  };
}

describe('whoever lost a race', () => {
  it('is next, however fast the others are', async () => {
    const { tryAt, settle } = createPlace();
    expect(await tryAt('fast', 0)).toBe('appended');
    expect(await tryAt('slow', 0)).toBe('moved');
    const meanwhile = tryAt('fast', 1);
    await settle();
    expect(await tryAt('slow', 1)).toBe('appended');
    expect(await meanwhile).toBe('moved');
    expect(await tryAt('fast', 2)).toBe('appended');
  });

  it('is waited for a second at most, and not again soon where it did not come', async () => {
    const { tryAt, settle, pass } = createPlace();
    await tryAt('fast', 0);
    await tryAt('gone', 0);
    let done = '';
    void tryAt('fast', 1).then((type) => (done = type));
    await pass(999);
    expect(done).toBe('');
    await pass(1);
    expect(done).toBe('appended');
    expect(await tryAt('gone', 0)).toBe('moved');
    expect(await tryAt('fast', 2)).toBe('appended');
    await pass(10_000);
    expect(await tryAt('gone', 0)).toBe('moved');
    void tryAt('fast', 3).then((type) => (done = `${type} again`));
    await settle();
    expect(done).toBe('appended');
    await pass(1_000);
    expect(done).toBe('appended again');
  });

  it('makes one wait for another in turn', async () => {
    const { tryAt, length, settle, pass } = createPlace();
    const contend = async (name: string, pauses: number): Promise<number> => {
      let wins = 0;
      for (let head = length(); length() < 90; head = length()) {
        for (let pause = 0; pause < pauses; pause += 1) await settle(); // it merges
        if ((await tryAt(name, head)) === 'appended') wins += 1;
      }
      return wins;
    };
    let wins: number[] | null = null;
    void Promise.all([contend('fast', 1), contend('slow', 10), contend('slower', 50)]).then((counts) => (wins = counts));
    while (wins === null) {
      await settle();
      if (length() >= 90) await pass(1_000); // whoever is in line has gone home
    }
    for (const count of wins as number[]) expect(count).toBeGreaterThan(2);
  });
});
