import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createSpaceWriter, sealedObject, segment } from '../../tests/contracts/space-writer.ts';
import { createTestClock, type TestClock } from '../../tests/contracts/test-clock.ts';
import { sha256Hex } from '../core/crypto/hash.ts';
import { bytesToHex, type SpaceId } from '../core/ids.ts';
import { EMPTY_HEAD, headAfter, type Head } from '../core/log/record.ts';
import { DamagedObject, type ObjectStore } from '../core/ports/objects.ts';
import { RemoteError } from '../core/ports/remote.ts';
import { createMemoryObjects } from '../store/chunks/memory-objects.ts';
import { createSqliteStore, type SqliteStore } from '../store/sqlite/sqlite-store.ts';
import { REMOTE_LIMITS } from './limits.ts';
import { createLocalRemote, type LocalRemote } from './local.ts';

const DAY = 24 * 60 * 60 * 1000;

let store: SqliteStore;
let objects: ObjectStore;
let clock: TestClock;
let remote: LocalRemote;

beforeEach(async () => {
  store = await createSqliteStore({ path: ':memory:' });
  objects = createMemoryObjects();
  clock = createTestClock();
  remote = createLocalRemote({ store, objects, clock, address: 'local:' });
});

afterEach(async () => {
  await remote.close();
  await store.close();
});

async function created(): Promise<{ writer: ReturnType<typeof createSpaceWriter>; head: Head }> {
  const writer = createSpaceWriter();
  await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
  return { writer, head: headAfter(writer.genesis) };
}

function box(): string {
  return bytesToHex(randomBytes(32));
}

describe('watching', () => {
  it('hears of heads that another process moved', async () => {
    const { writer, head } = await created();
    const other = createLocalRemote({ store, objects, clock, address: 'local:' });
    const stop = new AbortController();
    const seen: (Head | null)[] = [];
    const watching = remote.watch([writer.space], (_, at) => seen.push(at), stop.signal);
    const record = writer.record(head);
    await other.append(writer.space, head, segment([record]));
    await remote.headMoved(writer.space);
    expect(seen.at(-1)).toEqual(headAfter(record));
    stop.abort();
    await watching;
  });

  it('lets no watcher spoil an append, or another watch', async () => {
    const { writer, head } = await created();
    const stop = new AbortController();
    const seen: (Head | null)[] = [];
    let calls = 0;
    const thrower = remote.watch(
      [writer.space],
      () => {
        calls += 1;
        if (calls > 1) throw new Error('a bug of the watcher');
      },
      stop.signal,
    );
    const other = remote.watch([writer.space], (_, at) => seen.push(at), stop.signal);
    const failed = thrower.catch((error: unknown) => String(error));
    await remote.headMoved(writer.space);
    const record = writer.record(head);
    expect(await remote.append(writer.space, head, segment([record]))).toMatchObject({ type: 'appended' });
    expect(await failed).toContain('a bug of the watcher');
    expect(seen.at(-1)).toEqual(headAfter(record));
    stop.abort();
    await other;
  });

  it('ends when the remote is closed', async () => {
    const { writer } = await created();
    const watching = remote.watch([writer.space], () => undefined, new AbortController().signal);
    const failed = watching.catch((error: unknown) => error);
    await remote.close();
    expect(await failed).toMatchObject({ name: 'RemoteError', type: 'unreachable' });
  });
});

describe('mailboxes', () => {
  it('are bounded together, by number and by size, until letters expire', async () => {
    const expires = clock.now() + DAY;
    const letter = randomBytes(REMOTE_LIMITS.letterBytes);
    const fitting = REMOTE_LIMITS.mailboxTotalBytes / letter.length;
    for (let count = 0; count < fitting; count += 1) await remote.mailboxes.post(box(), 'x', letter, expires);
    await expect(remote.mailboxes.post(box(), 'x', Buffer.from('1'), expires)).rejects.toThrow('full');
    clock.advance(2 * DAY);
    for (let count = 0; count < 20; count += 1) await remote.mailboxes.post(box(), 'x', letter, clock.now() + DAY);
    const letters = await store.read((tx) => tx.documents.list('remote-letters'));
    expect(letters).toHaveLength(20);
  });

  it('survive a restart', async () => {
    const mailbox = box();
    await remote.mailboxes.post(mailbox, 'x', Buffer.from('hello'), clock.now() + DAY);
    const again = createLocalRemote({ store, objects, clock, address: 'local:' });
    expect(Buffer.from((await again.mailboxes.read(mailbox, 'x')) ?? []).toString()).toBe('hello');
  });
});

describe('checkpoints', () => {
  it('leave nothing of replaced or interrupted ones behind, and stay out of the space itself', async () => {
    const { writer } = await created();
    await remote.writeCheckpoint(writer.space, 1, randomBytes(3_000_000));
    const shelf = sha256Hex('satchel/v1/checkpoint-pieces\0', writer.space) as SpaceId;
    await objects.put(shelf, [sealedObject(10)]); // as a crash before the document was written leaves it
    const newest = randomBytes(1_500_000);
    await remote.writeCheckpoint(writer.space, 2, newest);
    const sizes: number[] = [];
    for await (const { size } of objects.list(shelf)) sizes.push(size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(newest.length);
    for await (const { id } of objects.list(writer.space)) expect.unreachable(id);
  });

  it('keep serving after one could not be written', async () => {
    const { writer } = await created();
    await remote.writeCheckpoint(writer.space, 1, Buffer.from('one'));
    await expect(remote.writeCheckpoint(writer.space, 2, new Uint8Array(0))).rejects.toBeInstanceOf(RemoteError);
    await remote.writeCheckpoint(writer.space, 3, Buffer.from('three'));
    expect(Buffer.from((await remote.readCheckpoint(writer.space)) ?? []).toString()).toBe('three');
  });
});

describe('damaged objects', () => {
  it('are as good as none, and keep none of the others back', async () => {
    const { writer } = await created();
    const [bad, good] = [sealedObject(1), sealedObject(2)];
    await objects.put(writer.space, [good]);
    const failing: ObjectStore = {
      ...objects,
      get: (of, ids) => (ids.includes(bad.id) ? Promise.reject(new DamagedObject(of, bad.id, 'a pack')) : objects.get(of, ids)),
    };
    const damaged = createLocalRemote({ store, objects: failing, clock, address: 'local:' });
    expect([...(await damaged.getObjects(writer.space, [bad.id, good.id])).keys()]).toEqual([good.id]);
  });
});
