import { beforeEach, describe, expect, it } from 'vitest';
import { encodeCanonical } from '../../src/core/canonical.ts';
import { hexToBytes, type RecordHash } from '../../src/core/ids.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { encodeRecord, headAfter, sealRecord, type RecordHeader } from '../../src/core/log/record.ts';
import { createSpace } from '../../src/core/replica/create-space.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import type { Divergence } from '../../src/core/replica/chain.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { Forger } from './forge.ts';
import { createWorld, decoded, expectUnharmed, hubServing, recordsAt, snapshotOf, type Snapshot, type World } from './world.ts';

/**
 * A hub that lies about the order and the content of the log. Whatever it shows, the machine names it, keeps what it
 * has, drafts included, and goes on with an honest hub.
 */
describe('a hub that serves another log', () => {
  let world: World;
  let honest: Uint8Array[];
  let before: Snapshot;

  beforeEach(async () => {
    world = await createWorld('log');
    const { a, b, hub, space } = world;
    // b is behind by some records, and has a draft of its own.
    await a.write('three.md', 'three\n');
    await a.sync(hub);
    await a.write('three.md', 'three and more\n');
    await a.sync(hub);
    await a.write('four.md', 'four\n');
    await a.sync(hub);
    honest = await recordsAt(hub, space);
    await b.write('draft.md', 'unsent\n');
    before = await snapshotOf(b);
  });

  async function expectRefused(remote: Remote, expected: Partial<Divergence>): Promise<void> {
    const { divergence, pushed } = await world.b.sync(remote);
    expect(divergence).toMatchObject(expected);
    expect(pushed).toBe(0);
    await expectUnharmed(world.b, before, world);
  }

  const localHead = async () => (await world.b.replica.head())?.position as number;
  const changed = (index: number, fields: Partial<RecordHeader>): Uint8Array => {
    const { header, body } = decoded(honest[index] as Uint8Array);
    return encodeRecord(sealRecord({ ...header, ...fields }, body, world.a.replica.deps.machine.key));
  };

  it('replays a record that was there before', async () => {
    const at = await localHead();
    await expectRefused(hubServing(world.hub, [...honest.slice(0, at + 1), honest[at] as Uint8Array]), {
      type: 'broken',
      position: at + 1,
      reason: `position ${at} where ${at + 1} was due`,
    });
  });

  it('reorders records', async () => {
    const at = await localHead();
    const [x, y, z] = honest.slice(at + 1) as [Uint8Array, Uint8Array, Uint8Array];
    await expectRefused(hubServing(world.hub, [...honest.slice(0, at + 1), y, x, z]), { type: 'broken', position: at + 1 });
  });

  it('leaves a record out', async () => {
    const at = await localHead();
    await expectRefused(hubServing(world.hub, [...honest.slice(0, at + 1), ...honest.slice(at + 2)]), { type: 'broken', position: at + 1 });
  });

  it('leaves out a record behind some good ones', async () => {
    const at = await localHead();
    const served = [...honest.slice(0, at + 2), ...honest.slice(at + 3)];
    await expectRefused(hubServing(world.hub, served), { type: 'broken', position: at + 2 });
  });

  it('rolls back', async () => {
    const at = await localHead();
    await expectRefused(hubServing(world.hub, honest.slice(0, at)), { type: 'rolled-back' });
  });

  it('has lost the log', async () => {
    await expectRefused(hubServing(world.hub, []), { type: 'rolled-back', remote: null });
  });

  it('rolls back and grows again', async () => {
    const at = await localHead();
    const key = world.a.replica.deps.machine.key;
    let records = honest.slice(0, at);
    for (let i = 0; i < 3; i++) {
      const remote = hubServing(world.hub, records);
      records = [...records, encodeRecord(await new Forger(world.a.replica, remote).commit([], { by: key }))];
    }
    await expectRefused(hubServing(world.hub, records), { type: 'forked' });
  });

  it('shows another record at the head', async () => {
    const at = await localHead();
    const served = honest.slice(0, at);
    const other = await new Forger(world.a.replica, hubServing(world.hub, served)).commit([], { by: world.a.replica.deps.machine.key });
    await expectRefused(hubServing(world.hub, [...served, encodeRecord(other)]), { type: 'forked' });
  });

  it('shows two machines two histories: named once they meet', async () => {
    const { a, b, hub } = world;
    const at = await localHead();
    const forked = hubServing(hub, honest.slice(0, at + 1));
    const toB = encodeRecord(await new Forger(a.replica, forked).commit([], { by: a.replica.deps.machine.key }));
    // Undetectable as long as b sees nothing else (docs/threat-model.md): it follows.
    expect((await pull(b.replica, hubServing(hub, [...honest.slice(0, at + 1), toB]))).divergence).toBeNull();
    expect((await b.sync(hub)).divergence).toMatchObject({ type: 'forked' });
    expect(b.files.get('draft.md')).toBe('unsent\n');
    expect(b.replica.drafts).toHaveLength(1);
  });

  it.each([
    ['another term', { term: 7 }, 'its term does not follow'],
    ['another position', { position: 99 }, 'position 99'],
    ['another previous record', { previous: '22'.repeat(32) as RecordHash }, 'does not continue'],
    ['another space', { space: '33'.repeat(32) as RecordHeader['space'] }, 'another space'],
  ])('signed with %s', async (_what, fields, reason) => {
    const at = await localHead();
    const served = [...honest.slice(0, at + 2), changed(at + 2, fields)];
    await expectRefused(hubServing(world.hub, served), { type: 'broken', reason: expect.stringContaining(reason) as unknown as string });
  });

  it('begins the last term that there is, after which no home could move', async () => {
    const at = await localHead();
    const { a, hub } = world;
    const remote = hubServing(hub, honest.slice(0, at + 1));
    const options = { by: a.replica.deps.machine.key, header: { term: Number.MAX_SAFE_INTEGER } };
    const record = await new Forger(a.replica, remote).control(encodeCanonical(['features', []]), options);
    const served = [...honest.slice(0, at + 1), encodeRecord(record)];
    await expectRefused(hubServing(hub, served), { type: 'broken', position: at + 1, reason: 'its term does not follow' });
  });

  it('changes the genesis: another mode is another space', async () => {
    const { space, genesis } = await createSpace(world.a.replica.deps, 'open');
    expect(space).not.toBe(world.space);
    const fresh = Replica.create(await world.machine('fresh', 'writer'), world.space);
    const { divergence } = await syncWith(fresh, hubServing(world.hub, [encodeRecord(genesis), ...honest.slice(1)]));
    expect(divergence).toEqual({ type: 'broken', position: 0, reason: 'it belongs to another space' });
    expect(await fresh.head()).toBeNull();
    await expectRefused(hubServing(world.hub, [encodeRecord(genesis)]), { type: 'rolled-back' });
  });

  it.each([
    ['random bytes', (good: Uint8Array) => Buffer.alloc(good.length, 0x5a)],
    ['nothing', () => new Uint8Array(0)],
    ['a record cut off', (good: Uint8Array) => good.subarray(0, good.length - 1)],
    ['a record with bytes behind it', (good: Uint8Array) => Buffer.concat([good, Buffer.of(0)])],
    ['a flipped bit', (good: Uint8Array) => Buffer.from(good).map((byte, i) => (i === 200 ? byte ^ 1 : byte))],
    [
      'an unknown version',
      (good: Uint8Array) => encodeCanonical([2, decoded(good).headerBytes, decoded(good).signature, decoded(good).body]),
    ],
    ['a record over the limit', () => new Uint8Array(LIMITS.recordBytes + 1)],
    ['another encoding of the same', (good: Uint8Array) => Buffer.concat([Buffer.of(0x98, 0x04), good.subarray(1)])],
    ['a foreign body under a good header', (good: Uint8Array) => encodeRecord({ ...decoded(good), body: hexToBytes('00') })],
  ])('serves garbage: %s', async (_what, spoil) => {
    const at = await localHead();
    const served = [...honest.slice(0, at + 1), spoil(honest[at + 1] as Uint8Array)];
    await expectRefused(hubServing(world.hub, served, headAfter(decoded(honest[at + 1] as Uint8Array))), {
      type: 'broken',
      position: at + 1,
    });
  });

  it('withholds the newest records: not detectable, and nothing is harmed', async () => {
    const at = await localHead();
    const { divergence } = await pull(world.b.replica, hubServing(world.hub, honest.slice(0, at + 1)));
    expect(divergence).toBeNull();
    await expectUnharmed(world.b, before, world);
  });
});
