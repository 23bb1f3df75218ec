import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { SpaceId } from '../../core/ids.ts';
import type { Store } from '../../core/ports/store.ts';
import type { AppendNotices } from '../../store/postgres/append-notices.ts';
import { createSystemClock } from '../system.ts';
import { followedLogs, followAppends } from './follow-appends.ts';

const space = 'ab'.repeat(32) as SpaceId;
const LONG = 1_000_000;

/** Follows a store whose looks last until they are told to end; sleeps last for ever. */
function follow() {
  const looks: (() => void)[] = [];
  const stopping = new AbortController();
  let onHearing: (reason: string | null) => void = () => undefined;
  const notices: AppendNotices = {
    announce: () => undefined,
    listen: async (handlers) => void (onHearing = handlers.onHearing),
  };
  const clock = createSystemClock();
  const ended = followAppends(
    {
      notices,
      followed: [followedLogs({ watched: () => [space], headMoved: async () => undefined })],
      store: { read: () => new Promise((resolve) => looks.push(() => resolve(new Map()))) } as unknown as Store,
      clock: { ...clock, sleep: (_, signal) => clock.sleep(LONG, signal) },
      log: pino({ level: 'silent' }),
    },
    stopping.signal,
  );
  return { looks, stopping, ended, hear: (reason: string | null) => onHearing(reason) };
}

describe('whoever follows what others append', () => {
  it('ends when it is stopped in the midst of a look', async () => {
    const { looks, stopping, ended } = follow();
    stopping.abort();
    looks[0]?.();
    await ended;
    expect(looks).toHaveLength(1);
  });

  it('looks again at once where notices began to come in the midst of a look', async () => {
    const { looks, stopping, ended, hear } = follow();
    hear(null);
    looks[0]?.();
    await expect.poll(() => looks.length).toBe(2);
    stopping.abort();
    looks[1]?.();
    await ended;
  });
});
