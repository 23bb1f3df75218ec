import { beforeEach, describe, expect, it } from 'vitest';
import { encodeCanonical } from '../../src/core/canonical.ts';
import { epochCommitment } from '../../src/core/crypto/space-keys.ts';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import type { RecordHash } from '../../src/core/ids.ts';
import { encodeControl, type ControlPayload, type Role } from '../../src/core/log/control.ts';
import { currentEpoch } from '../../src/core/log/membership.ts';
import { encodeRecord, sealRecord, type LogRecord } from '../../src/core/log/record.ts';
import { changeRole, revoke } from '../../src/core/replica/administer.ts';
import { createSpace } from '../../src/core/replica/create-space.ts';
import type { ReplicaDeps } from '../../src/core/replica/deps.ts';
import { moveHome } from '../../src/core/replica/move-home.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { encodeSecrets } from '../../src/core/replica/secrets.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { emptyPut, Forger, payloadOf, resigned, type Forgery } from './forge.ts';
import { createWorld, expectInSync, expectUnharmed, hubServing, recordsAt, decoded, snapshotOf, voidsOf, type World } from './world.ts';

/** A hub, or a member beyond its role, writes control records of its own. The chain goes on; they have no effect. */
describe('forged control records', () => {
  let world: World;
  let forger: Forger;
  let outsider: ReplicaDeps;

  beforeEach(async () => {
    world = await createWorld('membership');
    forger = new Forger(world.a.replica, world.hub);
    outsider = await world.machine('outsider', null);
  });

  const owner = () => world.a.replica.deps.machine.key;
  const writer = () => world.b.replica.deps.machine.key;
  const entryFor = (deps: ReplicaDeps, role: Role) => {
    const { key, recipient } = deps.machine;
    return { machine: key.machine, recipient, role, account: null, sealedName: new Uint8Array(0) };
  };
  const listing = (deps: ReplicaDeps, role: Role = 'owner'): ControlPayload => ({
    op: 'member',
    member: entryFor(deps, role),
    envelope: new Uint8Array(0),
  });

  async function expectVoid(record: LogRecord, reason: string): Promise<void> {
    const before = await snapshotOf(world.b);
    const members = [...world.b.replica.membership.members.keys()];
    await forger.plant(record);
    await pull(world.b.replica, world.hub);
    expect((await voidsOf(world.b)).get(record.header.position)).toBe(reason);
    expect([...world.b.replica.membership.members.keys()]).toEqual(members);
    await expectUnharmed(world.b, before, world);
    // All that comes behind it counts as ever, for those who join late too.
    await changeRole(world.a.replica, world.hub, writer().machine, 'owner');
    await pull(world.b.replica, world.hub);
    expect(world.b.replica.membership.members.get(writer().machine)?.role).toBe('owner');
  }

  it('by the hub itself', async () => {
    await expectVoid(await forger.control(listing(outsider), { by: outsider.machine.key }), 'signer is no owner');
  });

  it('by a writer', async () => {
    await expectVoid(await forger.control(listing(outsider), { by: writer() }), 'signer is no owner');
  });

  it('by a writer who makes itself an owner', async () => {
    await expectVoid(await forger.control(listing(world.b.replica.deps), { by: writer() }), 'signer is no owner');
  });

  it('with a signature that is not the owner’s', async () => {
    const record = await forger.control(listing(outsider), { by: owner() });
    await expectVoid(
      resigned(
        record,
        record.signature.map((byte, i) => (i === 7 ? byte ^ 1 : byte)),
      ),
      'its signature is wrong',
    );
  });

  it('with the owner’s signature from another record', async () => {
    const record = await forger.control(listing(outsider), { by: owner() });
    const genesis = decoded((await recordsAt(world.hub, world.space))[0] as Uint8Array);
    await expectVoid(resigned(record, genesis.signature), 'its signature is wrong');
  });

  it('that leave the control chain', async () => {
    const header = { previousControl: '44'.repeat(32) as RecordHash };
    await expectVoid(await forger.control(listing(outsider), { by: owner(), header }), 'it does not name the control record before it');
  });

  it('with garbage that leaves the control chain', async () => {
    const header = { previousControl: '44'.repeat(32) as RecordHash };
    const record = await forger.control(encodeCanonical(['nonsense']), { by: outsider.machine.key, header });
    await expectVoid(record, 'control: unknown operation "nonsense"');
  });

  it('with an operation of a later version', async () => {
    await expectVoid(await forger.control(encodeCanonical(['divide', 1]), { by: owner() }), 'control: unknown operation "divide"');
  });

  it('with a body that is no CBOR', async () => {
    const record = await forger.control(Buffer.from('ff', 'hex'), { by: owner() });
    await forger.plant(record);
    await pull(world.b.replica, world.hub);
    expect((await voidsOf(world.b)).get(record.header.position)).toMatch(/^control: /);
    await expectInSync(world);
  });

  it('with a second genesis, which would open the space', async () => {
    const { genesis } = await createSpace(world.a.replica.deps, 'open');
    await expectVoid(await forger.control(payloadOf(genesis), { by: owner() }), 'a second genesis');
    expect(world.b.replica.membership.mode).toBe('sealed');
  });

  it('that take the last owner away', async () => {
    await expectVoid(await forger.control(listing(world.a.replica.deps, 'reader'), { by: owner() }), 'the last owner stays owner');
  });

  it('with an epoch that leaves a member without its key', async () => {
    const epoch = { number: 2, commitment: epochCommitment(new Uint8Array(32)), envelopes: { [owner().machine]: new Uint8Array(9) } };
    await expectVoid(await forger.control({ op: 'epoch', removed: [], epoch }, { by: owner() }), 'leaves a member without the new key');
  });

  it('with an epoch that skips one', async () => {
    const epoch = { number: 3, commitment: new Uint8Array(32), envelopes: {} };
    await expectVoid(await forger.control({ op: 'epoch', removed: [], epoch }, { by: owner() }), 'epoch 3 does not follow 1');
  });

  it('with an epoch by a writer', async () => {
    const epoch = { number: 2, commitment: new Uint8Array(32), envelopes: {} };
    await expectVoid(await forger.control({ op: 'epoch', removed: [owner().machine], epoch }, { by: writer() }), 'signer is no owner');
    expect(currentEpoch(world.b.replica.membership).number).toBe(1);
  });

  it('with a recovery key of the hub', async () => {
    const recovery = { signer: outsider.machine.key.machine, recipient: outsider.machine.recipient };
    const record = await forger.control({ op: 'recovery', recovery, envelope: new Uint8Array(0) }, { by: outsider.machine.key });
    await expectVoid(record, 'signer is no owner');
  });

  it('with a move by a writer: the home stays, and a later move by an owner counts', async () => {
    const head = await world.hub.head(world.space);
    if (head === null) throw new Error('no log');
    const payload: ControlPayload = {
      op: 'move',
      term: 1,
      position: head.position,
      head: head.hash,
      sealedRemote: new Uint8Array(0),
    };
    const before = await snapshotOf(world.b);
    await forger.plant(await forger.control(payload, { by: writer(), header: { term: 1 } }));
    await pull(world.b.replica, world.hub);
    expect(world.b.replica.membership).toMatchObject({ term: 0, sealedRemote: null });
    await expectUnharmed(world.b, before, world);
    const store = await createSqliteStore({ path: ':memory:' });
    const target = createLocalRemote({ store, objects: createObjectStoreDouble(), clock: createTestClock(), address: 'test:other' });
    await moveHome(world.a.replica, world.hub, target, 'there');
    expect(world.a.replica.membership.term).toBe(2);
    expect((await world.b.sync(target)).divergence).toBeNull();
  });

  it('with the last term that there is, after which no home could move: an honest remote does not take it', async () => {
    const record = await forger.control(listing(outsider), { by: writer(), header: { term: Number.MAX_SAFE_INTEGER } });
    await expect(forger.plant(record)).rejects.toMatchObject({ type: 'refused' });
    await expectInSync(world);
  });

  it('with prune and erase records by a writer: nothing is dropped', async () => {
    await world.a.write('kept.md', 'kept\n');
    await world.a.sync(world.hub);
    const objects = decoded((await recordsAt(world.hub, world.space)).at(-1) as Uint8Array).header.objects;
    for (const payload of [
      { op: 'prune', objects } as const,
      { op: 'erase', objects, replaced: [], sealedReason: new Uint8Array(0) } as const,
    ]) {
      await forger.plant(await forger.control(payload, { by: writer() }));
    }
    await expectInSync(world);
    expect(world.b.files.get('kept.md')).toBe('kept\n');
    expect(objects.map((id) => world.b.replica.droppedObject(id))).toEqual(objects.map(() => null));
    expect((await world.hub.hasObjects(world.space, objects)).size).toBe(objects.length);
  });

  it('of a feature that is not known: read no further, named, unharmed', async () => {
    await world.b.write('draft.md', 'unsent\n');
    const before = await snapshotOf(world.b);
    const record = await forger.plant(await forger.control({ op: 'features', features: ['teleport'] }, { by: owner() }));
    await world.b.sync(world.hub);
    expect(world.b.replica.stop).toEqual({ type: 'unknown-feature', position: record.header.position, feature: 'teleport' });
    expect(world.b.replica.canWrite).toBe(false);
    expect(await snapshotOf(world.b)).toEqual(before);
  });

  it('by a machine that was revoked', async () => {
    const gone = await world.machine('gone', 'owner');
    await revoke(world.a.replica, world.hub, [gone.machine.key.machine]);
    await expectVoid(await forger.control(listing(outsider), { by: gone.machine.key }), 'signer is no owner');
  });
});

/** Keys come from owners alone, and only where they match what the log committed to. */
describe('forged keys', () => {
  let world: World;
  let forger: Forger;

  beforeEach(async () => {
    world = await createWorld('keys');
    forger = new Forger(world.a.replica, world.hub);
  });

  const epochWith = async (commitment: Uint8Array, envelopeFor: (recipient: string) => Promise<Uint8Array>): Promise<LogRecord> => {
    const envelopes: { [holder: string]: Uint8Array } = {};
    for (const { machine, recipient } of world.a.replica.membership.members.values()) envelopes[machine] = await envelopeFor(recipient);
    const payload: ControlPayload = { op: 'epoch', removed: [], epoch: { number: 2, commitment, envelopes } };
    return forger.plant(await forger.control(payload, { by: world.a.replica.deps.machine.key }));
  };

  async function expectWaits(): Promise<void> {
    const { b, hub } = world;
    await b.write('draft.md', 'unsent\n');
    const before = await snapshotOf(b);
    expect((await b.sync(hub)).pushed).toBe(0);
    expect(b.replica.canWrite).toBe(false);
    expect(await snapshotOf(b)).toEqual(before);
    // A record under the key that nobody holds waits, and all after it.
    const record = await forger.plant(
      await forger.commit([emptyPut('x.md')], { by: world.a.replica.deps.machine.key, header: { keyId: 2 } }),
    );
    await b.sync(hub);
    expect(b.replica.stop).toEqual({ type: 'waiting-for-key', position: record.header.position, keyId: 2 });
    expect(await snapshotOf(b)).toEqual(before);
  }

  it('an envelope whose key does not match the commitment', async () => {
    const { wrapping } = world.a.replica.deps;
    const secrets = { spaceKey: new Uint8Array(32), epochKeys: new Map([[2, new Uint8Array(32).fill(9)]]) };
    await epochWith(epochCommitment(new Uint8Array(32).fill(8)), (recipient) => wrapping.wrap(encodeSecrets(secrets), recipient));
    await expectWaits();
  });

  it('an envelope for another machine', async () => {
    const { wrapping } = world.a.replica.deps;
    const { recipient } = await wrapping.generate();
    const key = new Uint8Array(32).fill(8);
    const secrets = { spaceKey: new Uint8Array(32), epochKeys: new Map([[2, key]]) };
    await epochWith(epochCommitment(key), () => wrapping.wrap(encodeSecrets(secrets), recipient));
    await expectWaits();
  });

  it('an envelope of garbage', async () => {
    await epochWith(epochCommitment(new Uint8Array(32).fill(8)), async () => new Uint8Array(200).fill(7));
    await expectWaits();
  });

  it('a record under the key of an older epoch', async () => {
    const gone = await world.machine('gone', 'writer');
    await revoke(world.a.replica, world.hub, [gone.machine.key.machine]);
    const options: Forgery = { by: world.b.replica.deps.machine.key, header: { keyId: 1 } };
    const record = await forger.plant(await forger.commit([emptyPut('late.md')], options));
    await expectInSync(world);
    expect((await voidsOf(world.b)).get(record.header.position)).toBe('it is under the key of epoch 1, not 2');
  });
});

/** What a genesis must be, for an invitation to a space that its inviter made to measure. */
describe('a space with a bad genesis', () => {
  it.each([
    [
      'of a later format',
      (p: Extract<ControlPayload, { op: 'genesis' }>) => ({ ...p, format: 2 }),
      null,
      'format 2 is not known to this version',
    ],
    [
      'that its owner did not sign',
      (p: Extract<ControlPayload, { op: 'genesis' }>) => p,
      createSigningKey(new Uint8Array(32).fill(3)),
      'genesis is not signed by its owner',
    ],
    [
      'whose first epoch is another',
      (p: Extract<ControlPayload, { op: 'genesis' }>) => ({ ...p, epoch: { ...p.epoch, number: 4 } }),
      null,
      'the first epoch is not number 1',
    ],
  ])('%s', async (_what, change, signer, reason) => {
    const world = await createWorld('genesis');
    const deps = world.a.replica.deps;
    const { genesis } = await createSpace(deps, 'sealed');
    const payload = payloadOf(genesis);
    if (payload.op !== 'genesis') throw new Error(payload.op);
    const bad = sealRecord(genesis.header, encodeControl(change(payload)), signer ?? deps.machine.key);
    const replica = Replica.create(world.b.replica.deps, bad.hash as string as Replica['space']);
    const { divergence } = await pull(replica, hubServing(world.hub, [encodeRecord(bad)]));
    expect(divergence).toEqual({ type: 'broken', position: 0, reason });
    expect(await replica.head()).toBeNull();
  });

  it('whose signature is wrong', async () => {
    const world = await createWorld('genesis');
    const { genesis } = await createSpace(world.a.replica.deps, 'sealed');
    const bad = resigned(genesis, new Uint8Array(64));
    const replica = Replica.create(world.b.replica.deps, bad.hash as string as Replica['space']);
    const { divergence } = await pull(replica, hubServing(world.hub, [encodeRecord(bad)]));
    expect(divergence).toEqual({ type: 'broken', position: 0, reason: 'its signature is wrong' });
  });
});
