import { describe, expect, it } from 'vitest';
import { createTestClock } from '../../tests/contracts/test-clock.ts';
import type { ObjectId, SpaceId } from '../core/ids.ts';
import { RemoteError, type RemoteErrorType } from '../core/ports/remote.ts';
import { createMemoryObjects } from '../store/chunks/memory-objects.ts';
import { withBucketTrouble } from './bucket-trouble.ts';
import { StoppedLog } from '../store/bucket/index-log.ts';
import { createBucketWatch, type WatchedBucket } from './bucket-watch.ts';

const SPACE = 'ab'.repeat(32) as SpaceId;
const SOME = ['cd'.repeat(32) as ObjectId];
const ADDRESS = 's3://bucket';

/** Objects in a bucket that answers as `bucket` says, to the hub and to those that look. */
function makeBucket() {
  const clock = createTestClock();
  // Sleeps end as time is moved, so that the test says when the next look is.
  const sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();
  const moved = {
    now: () => clock.now(),
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        const sleeper = { until: clock.now() + ms, wake: () => resolve(void sleepers.delete(sleeper)) };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', sleeper.wake, { once: true });
      }),
  };
  const bucket = {
    answers: null as RemoteErrorType | 'silence' | null,
    asked: 0,
    looks: 0,
    readOn: 0,
    known: [] as SpaceId[],
    stops: null as StoppedLog | null,
  };
  const fails = <T>(work: () => Promise<T>): Promise<T> => {
    if (bucket.answers === 'silence') return new Promise<T>(() => undefined);
    if (bucket.answers !== null) return Promise.reject(new RemoteError(bucket.answers, `${ADDRESS}: so it is`));
    return work();
  };
  const memory = createMemoryObjects();
  const failing = {
    ...memory,
    has: (...args: Parameters<typeof memory.has>) => fails(() => memory.has(...args)).finally(() => (bucket.asked += 1)),
    shrink: () => undefined,
  };
  const read = (): Promise<null> => {
    bucket.looks += 1;
    return fails(() => Promise.resolve(null));
  };
  const logged: string[] = [];
  const note = (_details: unknown, text?: string): void => void logged.push(text ?? '');
  const log = { warn: note as never, info: note as never };
  const readOn = async (space: SpaceId): Promise<void> => {
    bucket.readOn += 1;
    watch.read(space, bucket.stops);
    if (bucket.stops !== null) throw bucket.stops;
  };
  const watch: WatchedBucket = createBucketWatch({
    blobs: { address: ADDRESS, read },
    clock: moved,
    log,
    readOn,
    known: () => Promise.resolve(bucket.known),
  });
  return {
    bucket,
    watch,
    logged,
    objects: withBucketTrouble(failing, watch),
    /** Milliseconds pass, and what waits for them goes on. */
    pass: async (ms: number): Promise<void> => {
      clock.advance(ms);
      for (const sleeper of [...sleepers]) if (sleeper.until <= clock.now()) sleeper.wake();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('trouble of a hub’s bucket', () => {
  it('is told with what helps: nobody starts a database for it', async () => {
    const { bucket, objects } = makeBucket();
    bucket.answers = 'unreachable';
    await expect(objects.has(SPACE, SOME)).rejects.toMatchObject({
      name: 'StoreUnavailable',
      reason: 'unreachable',
      message: `${ADDRESS}: so it is`,
      remedy: expect.stringContaining('Bring the bucket within reach') as string,
    });
    bucket.answers = 'unauthorized';
    await expect(objects.has(SPACE, SOME)).rejects.toMatchObject({
      reason: 'refused',
      remedy: expect.stringMatching(/buckets\.json.*start it again/) as string,
    });
  });

  it('is none of what needs no body: who asks after nothing does not ask the bucket', async () => {
    const { bucket, objects } = makeBucket();
    bucket.answers = 'unreachable';
    expect(await objects.has(SPACE, [])).toEqual(new Set());
    await objects.put(SPACE, []);
    await objects.delete(SPACE, []);
    expect(await objects.get(SPACE, [])).toEqual(new Map());
    expect(bucket.asked).toBe(0);
  });

  it('is noticed by what is asked, and over when the bucket answers somebody', async () => {
    const { bucket, objects, watch } = makeBucket();
    bucket.answers = 'unauthorized';
    await objects.has(SPACE, SOME).catch(() => undefined);
    expect(watch.problem).toMatchObject({ reason: 'refused' });
    bucket.answers = null;
    await objects.has(SPACE, SOME);
    expect(watch.problem).toBeNull();
  });

  it('is noticed and over by itself, and said once each time', async () => {
    const { bucket, watch, logged, pass } = makeBucket();
    const heard: (string | null)[] = [];
    watch.onChange((problem) => heard.push(problem?.message ?? null));
    const stop = new AbortController();
    const running = watch.run(stop.signal);
    await pass(0);
    expect([bucket.looks, watch.problem]).toEqual([1, null]);
    bucket.answers = 'unreachable';
    await pass(29_000);
    expect(bucket.looks).toBe(1);
    await pass(1_000);
    expect(watch.problem).toMatchObject({ reason: 'unreachable', message: `the bucket ${ADDRESS} does not answer: so it is` });
    for (let looks = 0; looks < 3; looks++) await pass(2_000);
    expect(bucket.looks).toBe(5);
    bucket.answers = null;
    await pass(2_000);
    expect(watch.problem).toBeNull();
    expect(heard).toEqual([expect.stringContaining('does not answer'), null]);
    expect(logged).toEqual(['the bucket does not answer', 'the bucket answers again']);
    stop.abort();
    await running;
  });

  it('is not waited for by others while it is known: one that never answers would hold what they need', async () => {
    const { bucket, objects, watch, pass } = makeBucket();
    const stop = new AbortController();
    const running = watch.run(stop.signal);
    await pass(0);
    bucket.answers = 'silence';
    await pass(30_000);
    await pass(6_000);
    await expect(objects.has(SPACE, SOME)).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringContaining('no answer within 6 s') as string,
    });
    await expect(
      (async () => {
        for await (const each of objects.list(SPACE)) throw new Error(each.id);
      })(),
    ).rejects.toMatchObject({ reason: 'unreachable' });
    expect(bucket.asked).toBe(0);
    bucket.answers = null;
    await pass(2_000);
    expect(await objects.has(SPACE, SOME)).toEqual(new Set());
    // It ends at once, be the bucket silent.
    bucket.answers = 'silence';
    await pass(30_000);
    stop.abort();
    await running;
    expect(watch.problem).toBeNull();
  });

  it('is of one space where what the bucket says of it cannot be read on, and is looked after by itself', async () => {
    const { bucket, watch, logged, pass } = makeBucket();
    const stop = new AbortController();
    const running = watch.run(stop.signal);
    bucket.stops = new StoppedLog('entry 7: it is of an unknown type', true);
    watch.read(SPACE, bucket.stops);
    expect(watch.problem).toBeNull();
    expect(watch.stopped.get(SPACE)).toMatchObject({
      reason: 'refused',
      remedy: expect.stringContaining('Update Satchel on this hub') as string,
    });
    await pass(30_000);
    expect([bucket.readOn, watch.stopped.size]).toEqual([1, 1]);
    watch.read(SPACE, new StoppedLog('entry 7: it is of another place', false));
    expect(watch.stopped.get(SPACE)?.remedy).toContain('from a copy of the bucket');
    bucket.stops = null;
    await pass(30_000);
    await pass(30_000);
    expect([bucket.readOn, watch.stopped.size]).toEqual([2, 0]);
    expect(logged).toEqual([
      'the log of encrypted bodies of a space cannot be read on',
      'the log of encrypted bodies of a space is read on',
    ]);
    stop.abort();
    await running;
  });

  it('is looked for in each space that this hub knew before, once; where the bucket is away, when it is back', async () => {
    const { bucket, watch, pass } = makeBucket();
    const stop = new AbortController();
    bucket.known = [SPACE, 'cd'.repeat(32) as SpaceId];
    bucket.answers = 'unreachable';
    await watch.ask().catch(() => undefined);
    const running = watch.run(stop.signal);
    await pass(0);
    expect(bucket.readOn).toBe(0);
    bucket.answers = null;
    for (let looks = 0; looks < 30; looks++) await pass(2_000);
    expect(bucket.readOn).toBe(2);
    await pass(60_000);
    expect(bucket.readOn).toBe(2);
    stop.abort();
    await running;
  });

  it('is looked after soon, whoever noticed it', async () => {
    const { bucket, watch, pass } = makeBucket();
    const stop = new AbortController();
    const running = watch.run(stop.signal);
    await pass(0);
    bucket.answers = 'unreachable';
    await expect(watch.ask()).rejects.toMatchObject({ reason: 'unreachable' });
    await pass(0);
    bucket.answers = null;
    await pass(2_000);
    expect(watch.problem).toBeNull();
    stop.abort();
    await running;
  });

  it('is no outage where one question failed and a look of its own did not', async () => {
    const { bucket, objects, watch, logged, pass } = makeBucket();
    const stop = new AbortController();
    const running = watch.run(stop.signal);
    await pass(0);
    bucket.answers = 'unreachable';
    const failed = objects.has(SPACE, SOME).catch(() => undefined);
    bucket.answers = null;
    await failed;
    await pass(0);
    expect([bucket.looks, watch.problem, logged]).toEqual([2, null, []]);
    stop.abort();
    await running;
  });
});
