import { describe, expect, it } from 'vitest';
import { createTestClock } from '../../tests/contracts/test-clock.ts';
import { RemoteError, type RemoteErrorType } from '../core/ports/remote.ts';
import type { SpaceId } from '../core/ids.ts';
import { createMemoryObjects } from '../store/chunks/memory-objects.ts';
import { withBucketTrouble } from './bucket-trouble.ts';

const SPACE = 'ab'.repeat(32) as SpaceId;

describe('trouble of a hub’s bucket', () => {
  const clock = createTestClock();
  let answers: RemoteErrorType | null = null;
  const fails = async <T>(work: () => Promise<T>): Promise<T> => {
    if (answers !== null) throw new RemoteError(answers, 's3://bucket: so it is');
    return work();
  };
  const memory = createMemoryObjects();
  const failing = {
    ...memory,
    has: (...asked: Parameters<typeof memory.has>) => fails(() => memory.has(...asked)),
    shrink: () => undefined,
  };
  const objects = withBucketTrouble(failing, { read: () => fails(() => Promise.resolve(null)) }, clock);

  it('is told with what helps: nobody starts a database for it', async () => {
    answers = 'unreachable';
    await expect(objects.has(SPACE, [])).rejects.toMatchObject({
      name: 'StoreUnavailable',
      reason: 'unreachable',
      message: 's3://bucket: so it is',
      remedy: expect.stringContaining('Bring the bucket within reach') as string,
    });
    await expect(objects.health?.()).resolves.toBeUndefined(); // all hubs share what is away: none is to be left out for it
    answers = 'unauthorized';
    await expect(objects.has(SPACE, [])).rejects.toMatchObject({
      reason: 'refused',
      remedy: expect.stringMatching(/buckets\.json.*start it again/) as string,
    });
  });

  it('keeps a hub that is not let in from passing for healthy, until it is', async () => {
    answers = 'unauthorized';
    await objects.has(SPACE, []).catch(() => undefined);
    await expect(objects.health?.()).rejects.toMatchObject({ reason: 'refused' });
    answers = null;
    await expect(objects.health?.()).rejects.toMatchObject({ reason: 'refused' });
    clock.advance(10_000);
    await expect(objects.health?.()).resolves.toBeUndefined();
  });
});
