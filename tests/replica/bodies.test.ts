import { randomFillSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Bodies } from '../../src/core/replica/bodies.ts';
import type { CommitId } from '../../src/core/ids.ts';
import { RemoteError } from '../../src/core/ports/remote.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace } from './small-space.ts';

const COMMIT = '0'.repeat(32) as CommitId;
const KEY = 1;

describe('the bodies of a space', () => {
  let bodies: Bodies;
  const noise = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));

  beforeAll(async () => {
    bodies = (await createSmallSpace('bodies')).owner.replica.bodies;
  });

  it('give a body the same objects whatever it is stored with', async () => {
    const body = noise(1_000_000);
    const [alone] = await bodies.store([body], COMMIT, KEY);
    const [among] = await bodies.store([body, noise(3_000_000)], COMMIT, KEY);
    expect(alone?.length).toBeGreaterThan(1);
    expect(among).toEqual(alone);
  });

  it('keep a tail in one piece up to the size of a chunk', async () => {
    const tail = noise(300_000);
    const [pieces] = await bodies.store([tail], COMMIT, KEY, new Set([0]));
    expect(pieces).toMatchObject([{ offset: 0, length: tail.length }]);
    const [longer] = await bodies.store([noise(600_000)], COMMIT, KEY, new Set([0]));
    expect(longer?.length).toBeGreaterThan(1);
  });

  it('bundle what is small, and store nothing for what is empty', async () => {
    const [empty, first, second] = await bodies.store([new Uint8Array(0), noise(100), noise(200)], COMMIT, KEY);
    expect(empty).toEqual([]);
    expect([first, second]).toMatchObject([[{ offset: 0, length: 100 }], [{ offset: 100, length: 200 }]]);
    expect(first?.[0]?.object).toBe(second?.[0]?.object);
  });
});

describe('what is stored ahead of its commit', () => {
  it('is durable then, and not stored again', async () => {
    const { owner } = await createSmallSpace('ahead');
    const { bodies, space } = owner.replica;
    const put = vi.spyOn(owner.deps.objects, 'put');
    const found = ['one', 'two'].map((text) => new Uint8Array(Buffer.from(text)));
    const ahead = await bodies.storeAhead(found, () => COMMIT, KEY);
    expect(ahead?.isStored).toBe(true);
    expect((await owner.deps.objects.has(space, ahead?.objects.map(({ id }) => id) ?? [])).size).toBe(1);
    expect(await bodies.store(found, COMMIT, KEY, new Set(), ahead)).toEqual(ahead?.pieces);
    expect(put).toHaveBeenCalledTimes(1);
  });

  it('is sealed anew where other bodies are stored than these, or under another key', async () => {
    const { bodies } = (await createSmallSpace('ahead-of-others')).owner.replica;
    const found = ['one', 'two'].map((text) => new Uint8Array(Buffer.from(text)));
    const ahead = await bodies.storeAhead(found, () => COMMIT, KEY);
    for (const [others, commit] of [
      [found.slice(1), COMMIT],
      [found, '1'.repeat(32) as CommitId],
    ] as const) {
      const pieces = await bodies.store(others, commit, KEY, new Set(), ahead);
      expect(pieces.map(([piece]) => piece?.object)).not.toContain(ahead?.objects[0]?.id);
    }
  });

  it('is not stored where it is large: a prune may name such a chunk before its commit does', async () => {
    const { owner } = await createSmallSpace('ahead-large');
    const put = vi.spyOn(owner.deps.objects, 'put');
    const ahead = await owner.replica.bodies.storeAhead(
      [new Uint8Array(Buffer.from('one')), randomFillSync(new Uint8Array(100_000))],
      () => COMMIT,
      KEY,
    );
    expect([ahead?.isStored, put.mock.calls]).toEqual([undefined, []]);
    await owner.replica.bodies.store(ahead?.bodies ?? [], COMMIT, KEY, new Set(), ahead);
    expect(put).toHaveBeenCalledTimes(1);
  });

  it('is left to its turn where the disk is full', async () => {
    const { owner } = await createSmallSpace('ahead-full');
    owner.deps.objects.put = () => Promise.reject(new Error('the disk is full'));
    expect(await owner.replica.bodies.storeAhead([new Uint8Array(Buffer.from('one'))], () => COMMIT, KEY)).toBeNull();
  });
});

/** A machine that has the record of a file, and not its body. */
async function toldOfFile(seed: string) {
  const space = await createSmallSpace(seed);
  const other = await space.machine('other');
  await space.invite(other);
  const file = { kind: 'text', name: 'notes.md' };
  await space.owner.write(file, 'of the owner\n');
  await syncWith(space.owner.replica, space.hub);
  await syncWith(other.replica, space.hub);
  return { hub: space.hub, other, file };
}

it('a body that came and could not be stored is brought again, rather than taken for being here', async () => {
  const { other, file } = await toldOfFile('no room');
  const { objects } = other.deps;
  const put = objects.put.bind(objects);
  objects.put = () => Promise.reject(new Error('the disk is full'));
  await expect(other.read(file)).rejects.toThrow('the disk is full');
  objects.put = put;
  expect(await other.read(file)).toBe('of the owner\n');
  const ids = (await other.replica.list()).flatMap(({ content }) => content?.pieces ?? []).map(({ object }) => object);
  expect((await objects.has(other.replica.space, ids)).size).toBe(1);
});

it('a body that several want at once is asked for once, and again after that failed', async () => {
  const { hub, other, file } = await toldOfFile('wanted at once');
  const getObjects = hub.getObjects.bind(hub);
  const fetching = vi.spyOn(hub, 'getObjects').mockImplementation(async (...asked) => {
    const turn = fetching.mock.calls.length;
    await sleep(100); // long enough for all to want it
    if (turn === 1) throw new RemoteError('unreachable', 'away');
    return getObjects(...asked);
  });
  const failed = await Promise.allSettled([other.read(file), other.read(file)]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(fetching).toHaveBeenCalledTimes(1);
  const read = await Promise.all([other.read(file), other.read(file), other.read(file)]);
  expect(read).toEqual(['of the owner\n', 'of the owner\n', 'of the owner\n']);
  expect(fetching).toHaveBeenCalledTimes(2);
});
