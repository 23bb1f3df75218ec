import { beforeEach, describe, expect, it } from 'vitest';
import type { CommitId, SpaceId } from '../../src/core/ids.ts';
import { encodeControl } from '../../src/core/log/control.ts';
import { decodeRecord, EMPTY_HEAD, sealRecord, type Head, type LogRecord } from '../../src/core/log/record.ts';
import { reviveHome } from '../../src/core/replica/move-home.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { ReplicaDeps } from '../../src/core/replica/deps.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import { openCheckpoint } from '../../src/core/replica/checkpoint.ts';
import { backfill, beginWithCheckpoint, isBackfilling, writeCheckpoint } from '../../src/core/replica/late-join.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createTestMachine, foundSpace } from '../doubles/machine.ts';
import { Home, textItem } from './home.ts';

function expectRecord(bytes: Uint8Array | undefined): LogRecord {
  const record = decodeRecord(bytes ?? new Uint8Array(0));
  if (!record.ok) throw new Error(record.error);
  return record.value;
}

describe('joining late, from a checkpoint', () => {
  let remote: Remote;
  let space: SpaceId;
  let a: Home;
  let late: ReplicaDeps;

  beforeEach(async () => {
    const clock = createTestClock();
    remote = createLocalRemote({
      store: await createSqliteStore({ path: ':memory:' }),
      objects: createObjectStoreDouble(),
      clock,
      address: 'test:hub',
    });
    const machine = async (name: string) =>
      createTestMachine({
        name,
        seed: 'late',
        store: await createSqliteStore({ path: ':memory:' }),
        objects: createObjectStoreDouble(),
        clock,
      });
    a = new Home(await foundSpace(await machine('a'), remote));
    space = a.replica.space;
    for (let i = 0; i < 12; i++) await a.write(`file-${i % 4}.md`, `version ${i}\n`);
    a.files.delete('file-3.md');
    await a.capture();
    await a.sync(remote);
    late = await machine('late');
    const { key, recipient } = late.machine;
    await addMember(a.replica, remote, { machine: key.machine, recipient, role: 'writer', account: null, name: 'late' });
    await writeCheckpoint(a.replica, remote);
    await a.write('after.md', 'after the checkpoint\n');
    await a.sync(remote);
  });

  async function begin(): Promise<Home> {
    const replica = Replica.create(late, space);
    replica.setRemote(remote);
    expect(await beginWithCheckpoint(replica, remote)).toBe(true);
    return new Home(replica);
  }

  /** The home as it comes back from a backup: the first records, up to `kept`. */
  async function restored(kept: number): Promise<Remote> {
    const copy = createLocalRemote({
      store: await createSqliteStore({ path: ':memory:' }),
      objects: createObjectStoreDouble(),
      clock: createTestClock(),
      address: 'test:copy',
    });
    const { records } = await remote.read(space, 0, { records: kept + 1, bytes: 1_000_000 });
    for (const bytes of records) {
      const record = decodeRecord(bytes);
      if (!record.ok) throw new Error(record.error);
      const objects = await remote.getObjects(space, record.value.header.objects);
      await copy.putObjects(
        space,
        [...objects].map(([id, object]) => ({ id, bytes: object })),
      );
      await copy.append(space, (await copy.head(space)) ?? EMPTY_HEAD, { records: [record.value], objects: [] });
    }
    return copy;
  }

  /** The owner has forgotten what it knew, and goes on from what was restored. */
  async function goOn(copy: Remote, kept: number): Promise<void> {
    a.replica.setRemote(copy);
    await a.replica.fallBack(kept);
    await reviveHome(a.replica, copy, 'the same');
    const { key, recipient } = late.machine;
    await addMember(a.replica, copy, { machine: key.machine, recipient, role: 'writer', account: null, name: 'late' });
  }

  it('has the state at once, edits it, and fetches history behind', async () => {
    const home = await begin();
    expect(home.replica.position).toBeGreaterThan(10);
    await home.sync(remote);
    expect(home.files).toEqual(a.files);
    await home.write('file-0.md', 'edited by the late one\n');
    await home.write('file-3.md', 'made again\n');
    await home.sync(remote);
    await a.sync(remote);
    expect(a.files.get('file-0.md')).toBe('edited by the late one\n');
    expect(await isBackfilling(home.replica)).toBe(true);
    let result = await backfill(home.replica, remote);
    while (result === 'more') result = await backfill(home.replica, remote);
    expect(result).toBe('done');
    const history = (replica: Replica) => replica.deps.store.read((tx) => tx.items.history(space, textItem('file-0.md'), { limit: 100 }));
    expect(await history(home.replica)).toEqual(await history(a.replica));
    expect(await home.replica.list()).toEqual(await a.replica.list());
    await home.apply();
    expect(home.files).toEqual(a.files);
    await home.capture();
    expect(home.replica.drafts).toEqual([]);
  });

  it('begins with a state of several pages, of which one record made items on each', async () => {
    for (let i = 0; i < 2_300; i++) a.files.set(`many-${String(i).padStart(4, '0')}.md`, `${i}\n`);
    await a.capture();
    for (const name of ['many-0000.md', 'many-2000.md', 'many-2001.md']) a.files.set(name, 'edited in one commit\n');
    await a.capture();
    await a.sync(remote);
    await writeCheckpoint(a.replica, remote);
    const home = await begin();
    expect(await home.replica.list()).toEqual(await a.replica.list());
    for (const name of ['many-0000.md', 'many-2000.md', 'many-2001.md', 'many-2299.md']) {
      const history = await late.store.read((tx) => tx.items.history(space, textItem(name), { limit: 10 }));
      expect(history).toHaveLength(1);
    }
    let result = await backfill(home.replica, remote);
    while (result === 'more') result = await backfill(home.replica, remote);
    expect(result).toBe('done');
    expect(await home.replica.list()).toEqual(await a.replica.list());
  });

  it('leaves a log alone that another exchange brought meanwhile', async () => {
    const replica = Replica.create(late, space);
    replica.setRemote(remote);
    const slow: Remote = {
      ...remote,
      async getObjects(...asked) {
        await syncWith(replica, remote);
        return remote.getObjects(...asked);
      },
    };
    expect(await beginWithCheckpoint(replica, slow)).toBe(false);
    expect(await isBackfilling(replica)).toBe(false);
    expect(await replica.list()).toEqual(await a.replica.list());
  });

  it('goes on after a restart in the middle', async () => {
    const home = await begin();
    await home.sync(remote);
    const reopened = await Replica.open(late, space);
    reopened.setRemote(remote);
    expect(await reopened.list()).toEqual(await a.replica.list());
    expect(await backfill(reopened, remote)).toBe('done');
    expect(await backfill(reopened, remote)).toBe('nothing');
  });

  it('does not believe a checkpoint that no owner signed, that was altered, or that is of another space', async () => {
    const bytes = (await remote.readCheckpoint(space)) as Uint8Array;
    expect(openCheckpoint(bytes, space).ok).toBe(true);
    expect(openCheckpoint(bytes, 'ab'.repeat(32) as SpaceId)).toMatchObject({ ok: false });
    for (let i = 0; i < bytes.length; i += 7) {
      const altered = Buffer.from(bytes);
      altered.writeUInt8(altered.readUInt8(i) ^ 1, i);
      expect(openCheckpoint(altered, space).ok).toBe(false);
    }
  });

  it('knows which control records before the checkpoint are void', async () => {
    const { key } = late.machine;
    const head = (await remote.head(space)) as Head;
    const { objects } = expectRecord((await remote.read(space, 1, { records: 1, bytes: 1 })).records[0]).header;
    const header = { type: 'control' as const, space, id: 'ab'.repeat(16) as CommitId, position: head.position + 1, previous: head.hash };
    const rest = { term: head.term, keyId: 1, objects: [], previousControl: a.replica.membership.lastControl };
    const record = sealRecord({ ...header, ...rest }, encodeControl({ op: 'prune', objects }), key);
    expect(await remote.append(space, head, { records: [record], objects: [] })).toMatchObject({ type: 'appended' });
    await a.sync(remote);
    await writeCheckpoint(a.replica, remote);
    await begin();
    const isVoid = await late.store.read((tx) => tx.documents.get(`voids/${space}`, String(head.position + 1)));
    expect(isVoid).toMatchObject({ signer: key.machine, reason: 'signer is no owner' });
  });

  it('finds out a checkpoint whose state is not what the log makes', async () => {
    const replica = Replica.create(late, space);
    replica.setRemote(remote);
    expect(await beginWithCheckpoint(replica, remote)).toBe(true);
    await late.store.write(async (tx) => {
      const waiting = await tx.documents.get<object>('backfills', space);
      await tx.documents.put('backfills', space, { ...waiting, digest: 'ab'.repeat(32) });
    });
    expect(await backfill(replica, remote)).toBe('mismatch');
    await new Home(replica).sync(remote);
    expect(await replica.list()).toEqual(await a.replica.list());
  });

  it.each([2, 9])('falls back with a restored home to record %i, before or behind what it has fetched', async (kept) => {
    const home = await begin();
    await home.sync(remote);
    await home.write('late.md', 'written by the late one\n');
    await home.sync(remote);
    expect(await isBackfilling(home.replica)).toBe(true);
    const copy = await restored(kept);
    await goOn(copy, kept);
    for (const machine of [a, home, a, home]) expect((await machine.sync(copy)).divergence).toBeNull();
    expect(await isBackfilling(home.replica)).toBe(false);
    expect(home.replica.drafts).toEqual([]);
    expect(await home.replica.list()).toEqual(await a.replica.list());
    expect(a.files.get('late.md')).toBe('written by the late one\n');
  });

  it('blames no checkpoint where a restored home went on past it, and fetches the rest from the home that it follows', async () => {
    const home = await begin();
    const copy = await restored(2);
    await goOn(copy, 2);
    for (let i = 0; i < 20; i++) {
      await a.write('since.md', `version ${i}\n`);
      await a.sync(copy);
    }
    expect((await copy.head(space))?.position).toBeGreaterThan(home.replica.position);
    // Twice: it is no way forward, and no end either.
    for (let i = 0; i < 2; i++) expect(await backfill(home.replica, copy)).toBe('diverged');
    for (let i = 0; i < 2; i++) expect((await home.sync(copy)).divergence).toBeNull();
    expect(await backfill(home.replica, copy)).toBe('nothing');
    expect(await home.replica.list()).toEqual(await a.replica.list());
  });

  it('fetches nothing of a log that parts from its own before the checkpoint, and so follows the owner who made it', async () => {
    const home = await begin();
    const copy = await restored(2);
    await goOn(copy, 2);
    await a.sync(copy);
    const inPages: Remote = { ...copy, read: (id, from) => copy.read(id, from, { records: 2, bytes: 1_000_000 }) };
    for (let i = 0; i < 3; i++) await backfill(home.replica, inPages);
    expect(await backfill(home.replica, inPages)).toBe('diverged');
    for (const machine of [home, home, a]) expect((await machine.sync(inPages)).divergence).toBeNull();
    expect(await home.replica.list()).toEqual(await a.replica.list());
  });

  it('says so, and asks no more, where the home lost the history', async () => {
    const home = await begin();
    const before = home.replica.position;
    const copy = await restored(0);
    expect(await backfill(home.replica, { ...copy, read: async (id, from) => copy.read(id, from, { records: 1, bytes: 1 }) })).toBe('more');
    expect(await backfill(home.replica, copy)).toBe('diverged');
    expect(home.replica.position).toBe(before);
  });

  it('fetches nothing into a log that fell back meanwhile', async () => {
    const home = await begin();
    const copy = await restored(2);
    await goOn(copy, 2);
    const falling: Remote = {
      ...remote,
      async read(...asked) {
        const page = await remote.read(...asked);
        for (let i = 0; i < 2; i++) await home.sync(copy);
        return page;
      },
    };
    expect(await backfill(home.replica, falling)).toBe('nothing');
    expect(await isBackfilling(home.replica)).toBe(false);
    for (const machine of [a, home, a, home]) expect((await machine.sync(copy)).divergence).toBeNull();
    expect(await home.replica.list()).toEqual(await a.replica.list());
  });
});
