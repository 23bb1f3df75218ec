import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { decodeCanonical, encodeCanonical, type Canonical } from '../../src/core/canonical.ts';
import type { RecordHash } from '../../src/core/ids.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { openCheckpoint, openPages, sealCheckpoint } from '../../src/core/replica/checkpoint.ts';
import type { ReplicaDeps } from '../../src/core/replica/deps.ts';
import { backfill, beginWithCheckpoint, writeCheckpoint } from '../../src/core/replica/late-join.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import type { State } from '../../src/core/replica/state-pages.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { UsedCommits } from '../../src/core/replica/used-commits.ts';
import { Forger } from './forge.ts';
import { mutated } from './mutate.ts';
import { createWorld, type World } from './world.ts';

const EMPTY: State = { items: [], siblings: [], used: new UsedCommits() };

/** A checkpoint saves a late joiner the replay, if an owner signed it; else it is named and the log is replayed. */
describe('a checkpoint that a hub or a member made up', () => {
  let world: World;
  let late: ReplicaDeps;
  let reasons: string[];
  let honest: Uint8Array;

  beforeEach(async () => {
    world = await createWorld('checkpoint');
    reasons = [];
    late = { ...(await world.machine('late', 'writer')), log: (_event, { reason }) => reasons.push(String(reason)) };
    await world.a.sync(world.hub);
    expect(await writeCheckpoint(world.a.replica, world.hub)).toBe(true);
    honest = (await world.hub.readCheckpoint(world.space)) as Uint8Array;
  });

  const fieldsOf = (bytes: Uint8Array): Canonical[] => {
    const decoded = decodeCanonical(bytes, bytes.length);
    if (!decoded.ok || !Array.isArray(decoded.value)) throw new Error('no list');
    return [...(decoded.value as Canonical[])];
  };
  const serving = (checkpoint: Uint8Array, remote: Remote = world.hub): Remote => ({ ...remote, readCheckpoint: async () => checkpoint });

  async function expectRefused(remote: Remote, reason: RegExp): Promise<void> {
    const replica = Replica.create(late, world.space);
    expect(await beginWithCheckpoint(replica, remote)).toBe(false);
    expect(reasons.join()).toMatch(reason);
    expect(await replica.head()).toBeNull();
    expect((await syncWith(replica, world.hub)).divergence).toBeNull();
    expect((await replica.list()).map(({ item }) => item.name)).toEqual(['one.md', 'two.md']);
  }

  async function sealedBy(deps: ReplicaDeps, state: State): Promise<Remote> {
    const { replica } = world.a;
    const head = await replica.head();
    if (head === null) throw new Error('no log');
    const controls = await replica.deps.store.read((tx) => tx.logs.controls(world.space, 0));
    const at = { space: world.space, ...head, keyId: 1, lastControl: replica.membership.lastControl };
    const sealed = await sealCheckpoint(
      at,
      state,
      controls.map((c) => c.bytes),
      replica.keys,
      deps,
    );
    await world.hub.putObjects(world.space, sealed.objects);
    return serving(sealed.bytes);
  }

  it('begins with an honest one (the control)', async () => {
    expect(await beginWithCheckpoint(Replica.create(late, world.space), world.hub)).toBe(true);
  });

  it.each<[string, (fields: Canonical[]) => Canonical, RegExp]>([
    ['garbage', () => 'garbage', /malformed/],
    ['another version', ([, ...rest]) => [2, ...rest], /malformed/],
    ['a wrong signature', ([v, head, , controls]) => [v, head, new Uint8Array(64), controls] as Canonical, /signature/],
    ['no control records', ([v, head, sign]) => [v, head, sign, []] as Canonical, /no control records/],
    ['control records left out', ([v, head, sign, c]) => [v, head, sign, (c as Canonical[]).slice(0, -1)] as Canonical, /not those/],
    ['without the genesis', ([v, head, sign, c]) => [v, head, sign, (c as Canonical[]).slice(1)] as Canonical, /genesis/],
    [
      'control records twice',
      ([v, head, sign, c]) => [v, head, sign, [...(c as Canonical[]), (c as Canonical[])[1]]] as Canonical,
      /chain/,
    ],
  ])('%s', async (_what, change, reason) => {
    await expectRefused(serving(encodeCanonical(change(fieldsOf(honest)))), reason);
  });

  it('changed anywhere, in any way: not one is believed', () => {
    expect(openCheckpoint(honest, world.space).ok).toBe(true);
    fc.assert(
      fc.property(mutated(honest), (bytes) => !openCheckpoint(bytes, world.space).ok),
      { numRuns: 400 },
    );
  });

  it('of a position that the log does not hold', async () => {
    await expectRefused({ ...serving(honest), read: async () => ({ records: [], head: null }) }, /does not hold the record/);
  });

  it('by a member that is no owner', async () => {
    await expectRefused(await sealedBy(world.b.replica.deps, EMPTY), /signed by no owner/);
  });

  it('by a stranger', async () => {
    const stranger = await world.machine('stranger', null);
    await expectRefused(await sealedBy(stranger, EMPTY), /signed by no owner/);
  });

  it('whose pages are withheld', async () => {
    await expectRefused({ ...serving(honest), getObjects: async () => new Map() }, /page of the checkpoint is missing/);
  });

  it.each([
    ['a name that leaves its root', { name: '../../.bashrc' }, {}],
    ['a position that is none', {}, { position: -5 }],
    ['a revision that is none', {}, { revision: 'abcd' }],
  ])('by an owner gone bad, with %s', async (_what, item, fields) => {
    const [state] = await world.a.replica.list();
    if (state === undefined) throw new Error('nothing is here');
    const bad = { ...state, ...fields, item: { ...state.item, ...item } } as typeof state;
    await expectRefused(await sealedBy(world.a.replica.deps, { ...EMPTY, items: [[bad]] }), /page of the checkpoint is malformed/);
  });

  it('is still good when the hub planted a control record outside the control chain', async () => {
    const forger = new Forger(world.a.replica, world.hub);
    const header = { previousControl: '55'.repeat(32) as RecordHash };
    await forger.plant(await forger.control(encodeCanonical(['nonsense']), { by: late.machine.key, header }));
    await world.a.write('three.md', 'three\n');
    await world.a.sync(world.hub);
    expect(await writeCheckpoint(world.a.replica, world.hub)).toBe(true);
    expect(await beginWithCheckpoint(Replica.create(late, world.space), world.hub)).toBe(true);
  });

  it('that an owner signed over a wrong state is found out when the history is there', async () => {
    const remote = await sealedBy(world.a.replica.deps, EMPTY);
    const replica = Replica.create(late, world.space);
    expect(await beginWithCheckpoint(replica, remote)).toBe(true);
    expect(await replica.list()).toEqual([]);
    let result = await backfill(replica, world.hub);
    while (result === 'more') result = await backfill(replica, world.hub);
    expect(result).toBe('mismatch');
    expect((await replica.list()).map(({ item }) => item.name)).toEqual(['one.md', 'two.md']);
  });

  it('opens for nobody who is no member', async () => {
    const opened = openCheckpoint(honest, world.space);
    if (!opened.ok) throw new Error(opened.error);
    const stranger = await world.machine('stranger', null);
    expect(await openPages(opened.value, new Map(), stranger, async () => expect.unreachable())).toMatchObject({ ok: false });
  });
});
