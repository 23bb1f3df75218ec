import { expect } from 'vitest';
import type { CommitId, SpaceId } from '../../src/core/ids.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import type { Role } from '../../src/core/log/control.ts';
import type { LogRecord } from '../../src/core/log/record.ts';
import { decodeRecord, EMPTY_HEAD, headAfter, type Head } from '../../src/core/log/record.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { ReplicaDeps } from '../../src/core/replica/deps.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock, type TestClock } from '../contracts/test-clock.ts';
import { createTestMachine, followSpace, foundSpace } from '../doubles/machine.ts';
import { Home } from '../replica/home.ts';

/** Two honest machines that are in sync over a hub: `a` is the owner, `b` a writer. */
export interface World {
  readonly space: SpaceId;
  /** The hub as it would be if it were honest. */
  readonly hub: Remote;
  readonly a: Home;
  readonly b: Home;
  /** One more machine, listed in the space; `null` for one that nobody listed. */
  machine(name: string, role: Role | null): Promise<ReplicaDeps>;
}

/** An honest hub with nothing on it. */
export async function createHub(clock = createTestClock()): Promise<Remote> {
  const store = await createSqliteStore({ path: ':memory:' });
  return createLocalRemote({ store, objects: createObjectStoreDouble(), clock, address: 'test:hub' });
}

export async function createWorld(seed: string, openHub: (clock: TestClock) => Promise<Remote> = createHub): Promise<World> {
  const clock = createTestClock();
  const openStore = () => createSqliteStore({ path: ':memory:' });
  const hub = await openHub(clock);
  const deps = async (name: string) =>
    createTestMachine({ name, seed, store: await openStore(), objects: createObjectStoreDouble(), clock });
  const a = new Home(await foundSpace(await deps('a'), hub));
  const { space } = a.replica;
  const machine = async (name: string, role: Role | null): Promise<ReplicaDeps> => {
    const made = await deps(name);
    const { key, recipient } = made.machine;
    if (role !== null) await addMember(a.replica, hub, { machine: key.machine, recipient, role, account: null, name });
    return made;
  };
  const b = new Home(await followSpace(await machine('b', 'writer'), space, hub));
  await a.write('one.md', 'one\n');
  await a.write('two.md', 'two\n');
  for (const home of [a, b]) expect((await home.sync(hub)).divergence).toBeNull();
  return { space, hub, a, b, machine };
}

/** All records that a remote holds, as bytes. */
export async function recordsAt(remote: Remote, space: SpaceId): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  for (;;) {
    const page = await remote.read(space, records.length, { records: 1_000, bytes: 8 * 1024 * 1024 });
    if (page.records.length === 0) return records;
    records.push(...page.records);
  }
}

export function decoded(bytes: Uint8Array): LogRecord {
  const record = decodeRecord(bytes);
  if (!record.ok) throw new Error(record.error);
  return record.value;
}

/** A hub whose log is exactly this list, whatever is in it; it takes appends and forgets them. */
export function hubServing(honest: Remote, records: readonly Uint8Array[], head: Head | null = headOf(records)): Remote {
  return {
    ...honest,
    head: async () => head,
    read: async (_space, from) => ({ records: records.slice(from), head }),
    append: async (_space, _expected, segment) => ({ type: 'appended', head: headAfter(segment.records.at(-1) as LogRecord) }),
  };
}

function headOf(records: readonly Uint8Array[]): Head | null {
  const last = records.at(-1);
  const record = last === undefined ? null : decodeRecord(last);
  return record === null ? null : record.ok ? headAfter(record.value) : { ...EMPTY_HEAD, position: records.length - 1 };
}

export interface Snapshot {
  readonly items: unknown;
  readonly files: ReadonlyMap<string, string>;
  readonly drafts: readonly CommitId[];
}

export async function snapshotOf(home: Home): Promise<Snapshot> {
  const items = (await home.replica.list()).map(({ item, revision, content }) => ({ item, revision, digest: content?.digest }));
  return { items, files: new Map(home.files), drafts: home.replica.drafts.map((draft) => draft.id) };
}

/** Nothing that was here went, also for a process that starts anew, and with the honest hub all is well again. */
export async function expectUnharmed(home: Home, before: Snapshot, world: World): Promise<void> {
  expect(await snapshotOf(home)).toEqual(before);
  const reopened = await Replica.open(home.replica.deps, world.space);
  expect(await reopened.visible([])).toBeDefined();
  expect(reopened.drafts.map((draft) => draft.id)).toEqual(before.drafts);
  await expectInSync(world);
}

/** Both machines sync with the honest hub, nothing stays unsent, and both hold the same. */
export async function expectInSync({ a, b, hub }: World): Promise<void> {
  for (const home of [a, b, a]) expect((await home.sync(hub)).divergence).toBeNull();
  expect(b.replica.drafts).toEqual([]);
  expect(b.files).toEqual(a.files);
  const state = async (home: Home) => (await home.replica.list()).map(({ item, revision }) => ({ item, revision }));
  expect(await state(b)).toEqual(await state(a));
}

/** Why records are void, by position. */
export async function voidsOf(home: Home): Promise<Map<number, string>> {
  const { deps, space } = home.replica;
  const voids = await deps.store.read((tx) => tx.documents.list<{ reason: string }>(`voids/${space}`));
  return new Map(voids.map(({ id, value }) => [Number(id), value.reason]));
}
