import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import type { SpaceId } from '../../src/core/ids.ts';
import { decodeRecord, encodeRecord, sealRecord, type RecordHeader } from '../../src/core/log/record.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { connect } from '../../src/node/connect.ts';
import type { OpenSpace, SatchelNode } from '../../src/node/node.ts';
import { learnRemoval, revocationOf } from '../../src/node/revocation.ts';
import { until } from '../e2e/machine.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

const personal = (node: SatchelNode): OpenSpace => [...node.spaces.values()].find(({ entry }) => entry.name === 'personal') as OpenSpace;
const statusOf = async (node: SatchelNode) => (await ask(node, 'status', {})).spaces.find(({ name }) => name === 'personal');

async function two(live: boolean): Promise<{ a: SatchelNode; b: SatchelNode; id: string }> {
  const a = await place.start('a');
  await place.write('a', 'before\n');
  await ask(a, 'sync', {});
  const b = await place.start('b', { live });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
  return { a, b, id: b.deps.machine.key.machine };
}

describe('a machine that is revoked', () => {
  it('is told so while it runs, by whom, and is in sync with nothing any more', async () => {
    const { a, b, id } = await two(true);
    await until('in sync', async () => (await ask(b, 'status', {})).in_sync);
    await ask(a, 'machine-revoke', { machine: id });
    await until('it knows', async () => (await statusOf(b))?.revoked != null);
    const { verdict, in_sync: inSync } = await ask(b, 'status', {});
    expect([inSync, verdict]).toEqual([false, `Not syncing: this machine was revoked by ${a.deps.machine.name}. Run: satchel leave`]);
    expect((await statusOf(b))?.revoked).toMatchObject({ by_id: a.deps.machine.key.machine, position: personal(b).replica.position + 1 });
    await expect(ask(b, 'sync', {})).rejects.toThrow('was revoked by');
    await expect(ask(b, 'invite', {})).rejects.toThrow(`this machine was revoked by ${a.deps.machine.name}: it cannot invite`);
    await place.stop('b');
    const stopped = await place.start('b', { live: false });
    expect((await ask(stopped, 'status', {})).verdict).toContain('this machine was revoked by');
    expect((await ask(stopped, 'leave', {})).left).toContainEqual({ name: 'personal', told: false, why_not: 'it was revoked' });
  });

  it('is shown that record and nothing else; others are shown nothing', async () => {
    const { a, b, id } = await two(false);
    const { space, remote: descriptor } = personal(b).entry;
    await ask(a, 'machine-revoke', { machine: id });
    const { clock, random, machine } = b.deps;
    const asMachine = (key: typeof machine.key): Promise<Remote> =>
      connect(descriptor as NonNullable<typeof descriptor>, { clock, random, key, buckets: null, git: null });
    const [mine, strangers] = [await asMachine(machine.key), await asMachine(createSigningKey(random.bytes(32)))];
    const record = decodeRecord((await mine.removal?.(space)) ?? new Uint8Array(0));
    expect(record.ok && [record.value.header.type, record.value.header.signer]).toEqual(['control', a.deps.machine.key.machine]);
    expect([await mine.head(space), (await mine.read(space, 0, { records: 10, bytes: 1e6 })).records]).toEqual([null, []]);
    expect(await strangers.removal?.(space)).toBeNull();
    expect(await (await asMachine(a.deps.machine.key)).removal?.(space)).toBeNull();
    await Promise.all([mine, strangers].map((each) => each.close()));
  });

  it('believes it only where an owner of that space signed it', async () => {
    const { a, b, id } = await two(false);
    const open = personal(b);
    const { space } = open.entry;
    await ask(a, 'machine-revoke', { machine: id });
    const remote = await open.runner.connected();
    const real = decodeRecord((await remote.removal?.(space)) ?? new Uint8Array(0));
    if (!real.ok) throw new Error(real.error);
    const shows = (header: Partial<RecordHeader>, key: typeof a.deps.machine.key): Remote => {
      const forged = encodeRecord(sealRecord({ ...real.value.header, ...header }, real.value.body, key));
      return { ...remote, removal: async () => forged };
    };
    const owner = a.deps.machine.key;
    for (const forged of [
      shows({}, createSigningKey(b.deps.random.bytes(32))),
      shows({}, b.deps.machine.key.machine === id ? createSigningKey(new Uint8Array(32).fill(7)) : owner),
      shows({ space: '1'.repeat(64) as SpaceId }, owner),
      shows({ position: 0 }, owner),
      { ...remote, removal: async () => new Uint8Array([1, 2, 3]) },
      { ...remote, removal: async () => null },
    ]) {
      expect(await learnRemoval(open.replica, forged, b.deps.clock)).toBe(false);
      expect(await revocationOf(b, open)).toBeNull();
    }
    expect(await learnRemoval(open.replica, remote, b.deps.clock)).toBe(true);
    expect(await revocationOf(b, open)).toMatchObject({ by: a.deps.machine.name });
    // Let in again, it is a machine like any other.
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });
    expect(await revocationOf(b, personal(b))).toBeNull();
    await ask(b, 'sync', {});
  });
});
