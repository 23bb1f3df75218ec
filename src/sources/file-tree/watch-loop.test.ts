import { describe, expect, it } from 'vitest';
import { createChangeQueue } from './watch-loop.ts';

/** Time that passes only when the test says so. */
function createStepClock() {
  let now = 0;
  const sleepers = new Set<{ at: number; wake: () => void }>();
  return {
    sleepers,
    now: () => now,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        const wake = (): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const sleeper = { at: now + ms, wake };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', wake);
      }),
    async pass(ms: number) {
      now += ms;
      for (const sleeper of sleepers) {
        if (sleeper.at <= now) sleeper.wake();
      }
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    },
  };
}

describe('the queue of changes', () => {
  const paths = (...list: string[]) => ({ type: 'paths' as const, paths: list });
  const open = () => {
    const clock = createStepClock();
    const stop = new AbortController();
    const queue = createChangeQueue(clock, { quietMs: 25, busyMs: 500 });
    return { clock, stop, queue };
  };

  it('hands on what changed after a quiet moment', async () => {
    const { clock, stop, queue } = open();
    const next = queue.next(60_000, stop.signal);
    queue.push(paths('a'));
    await clock.pass(0);
    queue.push(paths('a', 'b'));
    await clock.pass(25);
    await clock.pass(25);
    expect(await next).toEqual({ paths: ['a', 'b'] });
    expect(clock.sleepers.size).toBe(0);
  });

  it('waits no longer than half a second while it never gets quiet', async () => {
    const { clock, stop, queue } = open();
    const ended: number[] = [];
    const next = queue.next(60_000, stop.signal).finally(() => ended.push(clock.now()));
    for (let passed = 0; passed < 2_000; passed += 25) {
      queue.push(paths(`${passed}`));
      await clock.pass(25);
    }
    expect(ended[0]).toBeLessThanOrEqual(550);
    expect(await next).not.toBe('idle');
  });

  it('asks for everything once a watcher lost count', async () => {
    const { clock, stop, queue } = open();
    queue.push(paths('a'));
    queue.push({ type: 'all' });
    const next = queue.next(60_000, stop.signal);
    await clock.pass(0);
    await clock.pass(25);
    await clock.pass(25);
    expect(await next).toEqual({ paths: null });
  });

  it('sleeps through idle time with one timer', async () => {
    const { clock, stop, queue } = open();
    const next = queue.next(60_000, stop.signal);
    await clock.pass(0);
    expect(clock.sleepers.size).toBe(1);
    await clock.pass(60_000);
    expect(await next).toBe('idle');
  });

  it('looks up when it is woken, and sleeps on when nobody sleeps', async () => {
    const { stop, queue } = open();
    queue.wake();
    const next = queue.next(60_000, stop.signal);
    queue.wake();
    expect(await next).toBe('idle');
  });

  it('ends at once when it is stopped', async () => {
    const { stop, queue } = open();
    const next = queue.next(60_000, stop.signal);
    stop.abort();
    expect(await next).toBe('idle');
  });
});
