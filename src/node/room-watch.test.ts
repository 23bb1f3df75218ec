import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../core/ports/store.ts';
import { createRoomWatch, type RoomWatch } from './room-watch.ts';

const noRoom = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

describe('what is known of the room that a node has', () => {
  let root: string;
  let now: number;
  let said: (string | null)[];
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'satchel-room-'));
    now = 1_000_000;
    said = [];
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function watch(isElsewhere = false): RoomWatch {
    const made = createRoomWatch({
      home: { root, store: path.join(root, 'store.db') },
      isElsewhere,
      clock: { now: () => now, sleep: () => Promise.resolve() },
      log: { warn: () => undefined, info: () => undefined },
    });
    made.onChange((problem) => said.push(problem?.reason ?? null));
    return made;
  }

  it('is that there is none from a failure for want of it on, said once, until nothing failed for it for a while', async () => {
    const room = watch();
    expect(room.failed(new Error('something else'))).toBeNull();
    expect(room.problem).toBeNull();
    expect(room.failed(new Error('around it', { cause: noRoom }))).toMatchObject({ reason: 'full', cause: { cause: noRoom } });
    await room.look(); // no more is free than when it failed: a body that is too large for what is left comes again
    now += 10_000;
    room.failed(noRoom);
    now += 25_000;
    await room.look();
    expect(said).toEqual(['full']);
    now += 5_000;
    await room.look();
    expect([said, room.problem]).toEqual([['full', null], null]);
    expect(readdirSync(root)).toEqual([]);
  });

  it('is of the database where the store is there, with what that said', async () => {
    const room = watch(true);
    const full = new StoreUnavailable('full', 'the disk of the database is full', { retryAfter: 10_000 });
    expect(room.failed(new StoreUnavailable('busy', 'too many', { retryAfter: 1 }))).toBeNull();
    expect(room.failed(full)).toBe(full);
    expect(room.problem).toBe(full);
    now += 30_000;
    await room.look();
    expect(said).toEqual(['full', null]);
  });
});
