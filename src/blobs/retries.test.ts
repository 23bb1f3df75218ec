import { describe, expect, it } from 'vitest';
import { RemoteError } from '../core/ports/remote.ts';
import { createRetries, RETRIES, type RetryOptions } from './retries.ts';

/** Time passes where something sleeps and nothing else is to be done. */
function setUp(options: Partial<RetryOptions> = {}, byte = 255) {
  const pauses: number[] = [];
  let now = 0;
  const clock = {
    now: () => now,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        const passes = setImmediate(() => {
          pauses.push(Math.round(ms));
          now += ms;
          resolve();
        });
        signal?.addEventListener('abort', () => (clearImmediate(passes), resolve()), { once: true });
      }),
  };
  const judge = (error: unknown) => ({ error: error as Error, again: error instanceof RemoteError && error.type === 'unreachable' });
  return {
    retries: createRetries({ clock, random: { bytes: (n) => new Uint8Array(n).fill(byte) }, judge, options }),
    pauses,
    now: () => now,
  };
}

const down = (retryAfter?: number) => new RemoteError('unreachable', 'down', retryAfter === undefined ? {} : { retryAfter });

function failing(times: number, error: () => Error) {
  let count = 0;
  return { attempt: async () => (count++ < times ? Promise.reject(error()) : 'done'), count: () => count };
}

describe('createRetries', () => {
  it('tries again after pauses that grow, with full jitter', async () => {
    const most = setUp();
    expect(await most.retries.run(0, failing(5, down).attempt)).toBe('done');
    expect(most.pauses).toEqual([100, 200, 400, 800, 1600]);
    const least = setUp({}, 0);
    expect(await least.retries.run(0, failing(5, down).attempt)).toBe('done');
    expect(least.pauses).toEqual([0, 0, 0, 0, 0]);
  });

  it('gives up after so many attempts, and at once where repeating does not help', async () => {
    const { retries } = setUp();
    const always = failing(Infinity, down);
    await expect(retries.run(0, always.attempt)).rejects.toThrow('down');
    expect(always.count()).toBe(RETRIES.attempts);
    const refused = failing(Infinity, () => new RemoteError('refused', 'no'));
    await expect(retries.run(0, refused.attempt)).rejects.toThrow('no');
    expect(refused.count()).toBe(1);
  });

  it('waits as long as it was told to, and not beyond its patience', async () => {
    const { retries, pauses } = setUp({}, 0);
    await retries.run(0, failing(2, () => down(7_000)).attempt);
    expect(pauses).toEqual([7_000, 7_000]);
    const tooLong = failing(Infinity, () => down(25_000));
    await expect(retries.run(0, tooLong.attempt)).rejects.toThrow('down');
    expect(tooLong.count()).toBe(3);
  });

  it('ends an attempt that takes too long, by the bytes that travel', async () => {
    const limits: number[] = [];
    const clock = {
      now: () => 0,
      sleep: async (ms: number, signal?: AbortSignal) => {
        if (signal !== undefined) limits.push(ms);
      },
    };
    const judge = (error: unknown) => ({ error: error as Error, again: false });
    const retries = createRetries({ clock, random: { bytes: (n) => new Uint8Array(n) }, judge });
    const hanging = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    await expect(retries.run(1_000_000, hanging)).rejects.toMatchObject({ type: 'unreachable', message: 'no answer within 30 s' });
    expect(limits).toEqual([30_000]);
  });

  it.each([
    [2_000_000, [20_000, 20_000]],
    [0, [20_000]],
  ])('gives an attempt the time that %i bytes take which it brings, once it says so', async (bytes, expected) => {
    const limits: number[] = [];
    const clock = {
      now: () => 0,
      sleep: async (ms: number, signal?: AbortSignal) => {
        if (signal !== undefined) limits.push(ms);
      },
    };
    const judge = (error: unknown) => ({ error: error as Error, again: false });
    const retries = createRetries({ clock, random: { bytes: (n) => new Uint8Array(n) }, judge });
    const hanging = (signal: AbortSignal, bring: (bytes: number) => void) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        bring(bytes);
      });
    await expect(retries.run(0, hanging)).rejects.toMatchObject({ type: 'unreachable' });
    expect(limits).toEqual(expected);
  });

  it('cuts off what hangs when it is closed, what pauses, and what waits for its turn', async () => {
    const clock = {
      now: () => 0,
      sleep: (_: number, signal?: AbortSignal) =>
        new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
    };
    const judge = (error: unknown) => ({ error: error as Error, again: true });
    const retries = createRetries({ clock, random: { bytes: (n) => new Uint8Array(n).fill(9) }, judge, options: { parallel: 2 } });
    const hanging = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    const pausing = failing(Infinity, down);
    const asked = [retries.run(0, pausing.attempt), retries.run(0, hanging), retries.run(0, hanging), retries.run(0, hanging)];
    await new Promise((resolve) => setImmediate(resolve));
    retries.close();
    for (const outcome of await Promise.allSettled([...asked, retries.run(0, hanging)]))
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'RemoteError', type: 'unreachable' } });
    expect(pausing.count()).toBe(1);
  });

  it('makes so many attempts at a time', async () => {
    const { retries } = setUp({ parallel: 3 });
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    };
    await Promise.all(Array.from({ length: 20 }, () => retries.run(0, work)));
    expect(most).toBe(3);
  });

  it('is no leak for many attempts at a time', async () => {
    const warnings: string[] = [];
    const hear = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', hear);
    const { retries } = setUp();
    await Promise.all(Array.from({ length: 30 }, () => retries.run(0, () => new Promise((resolve) => setImmediate(resolve)))));
    await new Promise((resolve) => setImmediate(resolve)); // said in a turn of its own
    process.off('warning', hear);
    expect(warnings).toEqual([]);
  });
});
