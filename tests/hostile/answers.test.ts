import { beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import type { ObjectId } from '../../src/core/ids.ts';
import { foundSpace } from '../doubles/machine.ts';
import { textItem } from '../replica/home.ts';
import { createWorld, expectInSync, expectUnharmed, hubServing, recordsAt, snapshotOf, type Snapshot, type World } from './world.ts';

/** A hub that answers appends falsely. Drafts go only when their records are in the log. */
describe('a hub that lies about appends', () => {
  let world: World;
  let before: Snapshot;

  beforeEach(async () => {
    world = await createWorld('appends');
    await world.b.write('draft.md', 'unsent\n');
    before = await snapshotOf(world.b);
  });

  it('says for ever that the log moved, and shows nothing', async () => {
    const remote: Remote = { ...world.hub, append: async (_space, expected) => ({ type: 'moved', head: expected, missing: [] }) };
    await expect(world.b.sync(remote)).rejects.toMatchObject({ type: 'protocol' });
    await expectUnharmed(world.b, before, world);
  });

  it('says for ever that objects are missing', async () => {
    const remote: Remote = { ...world.hub, append: async () => ({ type: 'missing-objects', ids: ['77'.repeat(32) as ObjectId] }) };
    await expect(world.b.sync(remote)).rejects.toMatchObject({ type: 'protocol' });
    await expectUnharmed(world.b, before, world);
  });

  it('refuses with foreign records', async () => {
    const garbage = Buffer.from('garbage');
    const remote: Remote = { ...world.hub, append: async (_space, expected) => ({ type: 'moved', head: expected, missing: [garbage] }) };
    expect((await world.b.sync(remote)).divergence).toMatchObject({ type: 'broken' });
    await expectUnharmed(world.b, before, world);
  });

  it('says that it kept what it did not: shown as rolled back, and the content stays', async () => {
    const records = await recordsAt(world.hub, world.space);
    expect((await world.b.sync(hubServing(world.hub, records))).pushed).toBe(1);
    expect((await world.b.sync(world.hub)).divergence).toMatchObject({ type: 'rolled-back' });
    expect(world.b.files.get('draft.md')).toBe('unsent\n');
    const [state] = (await world.b.replica.visible([textItem('draft.md')])).values();
    expect(state?.content?.size).toBe(7);
  });

  it('takes the record and says that it was away: the record is found, and sent once', async () => {
    const remote: Remote = {
      ...world.hub,
      append: async (...args) => {
        await world.hub.append(...args);
        throw new RemoteError('unreachable', 'gone');
      },
    };
    await expect(world.b.sync(remote)).rejects.toMatchObject({ type: 'unreachable' });
    await expectInSync(world);
    expect((await world.b.replica.list()).map(({ item }) => item.name)).toEqual(['draft.md', 'one.md', 'two.md']);
  });
});

/** A hub that hands out other bytes than the log names. */
describe('a hub that swaps objects', () => {
  let world: World;
  let other: Map<ObjectId, Uint8Array>;
  const item = textItem('large.md');
  const body = Array.from({ length: 30_000 }, (_, i) => `line ${i} ${(i * 7919) % 10007}`).join('\n');

  beforeEach(async () => {
    world = await createWorld('objects');
    // Another space of the same owner: its keys are others.
    const stranger = await foundSpace({ ...world.a.replica.deps }, world.hub);
    const pieces = await stranger.bodies.store([Buffer.from(body)], stranger.newCommitId(), 1);
    other = await world.a.replica.deps.objects.get(
      stranger.space,
      pieces.flat().map((piece) => piece.object),
    );
    await world.a.write('large.md', body);
    await world.a.sync(world.hub);
  });

  const lying = (answer: (id: ObjectId, bytes: Uint8Array, all: Map<ObjectId, Uint8Array>) => Uint8Array | null): Remote => ({
    ...world.hub,
    async getObjects(space, ids) {
      const honest = await world.hub.getObjects(space, ids);
      const lies = new Map<ObjectId, Uint8Array>();
      for (const [id, bytes] of honest) {
        const lie = answer(id, bytes, honest);
        if (lie !== null) lies.set(id, lie);
      }
      return lies;
    },
  });

  it.each<[string, Parameters<typeof lying>[0]]>([
    ['others of the space', (id, _bytes, all) => [...all].find(([key]) => key !== id)?.[1] ?? new Uint8Array(9)],
    ['those of another space', () => [...other.values()][0] as Uint8Array],
    ['bytes cut off', (_id, bytes) => bytes.subarray(0, bytes.length - 1)],
    ['nothing', () => new Uint8Array(0)],
    ['a flipped bit', (_id, bytes) => bytes.map((byte, i) => (i === 60 ? byte ^ 4 : byte))],
    ['more than an object may have', () => new Uint8Array(LIMITS.objectCiphertext + 1)],
    ['none at all', () => null],
  ])('answers with %s: withheld, by name', async (_what, answer) => {
    const { b, hub } = world;
    const remote = lying(answer);
    b.replica.setRemote(remote);
    const files = new Map(b.files);
    await expect(b.sync(remote)).rejects.toMatchObject({ name: 'BodyUnavailable', reason: 'withheld' });
    expect(b.files).toEqual(files);
    // None of the lies was kept: the honest hub brings the body.
    const [state] = (await b.replica.visible([item])).values();
    for (const piece of state?.content?.pieces ?? []) {
      const [kept] = (await b.replica.deps.objects.get(world.space, [piece.object])).values();
      if (kept !== undefined) expect(sha256Hex(kept)).toBe(piece.object);
    }
    await b.sync(hub);
    expect(b.files.get('large.md')).toBe(body);
    await expectInSync(world);
  });

  it('answers with objects that nobody asked for: they are not kept', async () => {
    const { b } = world;
    const remote: Remote = {
      ...world.hub,
      getObjects: async (space, ids) => new Map([...(await world.hub.getObjects(space, ids)), ...other]),
    };
    await b.sync(remote);
    expect(b.files.get('large.md')).toBe(body);
    expect((await b.replica.deps.objects.has(world.space, [...other.keys()])).size).toBe(0);
  });
});
