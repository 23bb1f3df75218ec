import { beforeEach, describe, expect, it } from 'vitest';
import type { SpaceId } from '../../src/core/ids.ts';
import { EMPTY_HEAD } from '../../src/core/log/record.ts';
import type { Clock } from '../../src/core/ports/clock.ts';
import type { ObjectStore } from '../../src/core/ports/objects.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { Store } from '../../src/core/ports/store.ts';
import { addMember, revoke } from '../../src/core/replica/administer.ts';
import { homeOf, moveHome, reviveHome } from '../../src/core/replica/move-home.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createTestMachine, followSpace, foundSpace } from '../doubles/machine.ts';
import { Home } from './home.ts';

interface Hub {
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly remote: Remote;
}

let clock: Clock;

async function openHub(): Promise<Hub> {
  const store = await createSqliteStore({ path: ':memory:' });
  const objects = createObjectStoreDouble();
  return { store, objects, remote: createLocalRemote({ store, objects, clock, address: 'test:hub' }) };
}

/** A hub as it comes back from a backup that was taken when its log had `records` records. */
async function restored(hub: Hub, space: SpaceId, records: number): Promise<Hub> {
  const copy = await openHub();
  const kept = await hub.store.read((tx) => tx.logs.read(space, 0, { records, bytes: Number.MAX_SAFE_INTEGER }));
  await copy.store.write((tx) => tx.logs.append(space, EMPTY_HEAD, kept));
  for await (const { id } of hub.objects.list(space)) {
    const bytes = (await hub.objects.get(space, [id])).get(id);
    if (bytes !== undefined) await copy.objects.put(space, [{ id, bytes }]);
  }
  return copy;
}

describe('moving the home remote', () => {
  let hub: Hub;
  let space: SpaceId;
  let a: Home;
  let b: Home;
  let c: Home;

  beforeEach(async () => {
    clock = createTestClock();
    hub = await openHub();
    const machine = async (name: string) =>
      createTestMachine({
        name,
        seed: 'move',
        store: await createSqliteStore({ path: ':memory:' }),
        objects: createObjectStoreDouble(),
        clock,
      });
    const deps = [await machine('a'), await machine('b'), await machine('c')] as const;
    const replica = await foundSpace(deps[0], hub.remote);
    space = replica.space;
    for (const other of deps.slice(1)) {
      const { key, recipient } = other.machine;
      await addMember(replica, hub.remote, { machine: key.machine, recipient, role: 'writer', account: null, name: 'other' });
    }
    a = new Home(replica);
    b = new Home(await followSpace(deps[1], space, hub.remote));
    c = new Home(await followSpace(deps[2], space, hub.remote));
    await a.write('shared.md', 'one\n');
    await everyone(hub.remote);
  });

  async function everyone(remote: Remote): Promise<void> {
    for (const home of [a, b, c, a, b, c]) expect((await home.sync(remote)).divergence).toBeNull();
    expect(b.files).toEqual(a.files);
    expect(c.files).toEqual(a.files);
  }

  it('copies the log, and members learn where it is', async () => {
    const other = await openHub();
    await moveHome(a.replica, hub.remote, other.remote, 'the other');
    await b.sync(hub.remote);
    expect(await homeOf(b.replica)).toBe('the other');
    await b.write('after.md', 'b\n');
    await everyone(other.remote);
    expect(a.files.get('after.md')).toBe('b\n');
  });

  it('brings a restored hub back to where the members are', async () => {
    await a.write('late.md', 'late\n');
    await everyone(hub.remote);
    const back = await restored(hub, space, 3);
    expect((await a.sync(back.remote)).divergence?.type).toBe('rolled-back');
    await reviveHome(a.replica, back.remote, 'back');
    await everyone(back.remote);
    expect(c.files.get('late.md')).toBe('late\n');
  });

  it('looks again where others go on at a restored hub while the log is brought there', async () => {
    const { position } = (await a.replica.head()) ?? EMPTY_HEAD;
    const other = await openHub();
    await moveHome(a.replica, hub.remote, other.remote, 'the other');
    await b.sync(hub.remote);
    const back = await restored(hub, space, position + 1);
    await c.write('c.md', 'c, who knows of no move\n');
    let isFirst = true;
    const racing: Remote = {
      ...back.remote,
      async append(...asked) {
        if (isFirst) {
          isFirst = false;
          expect((await c.sync(back.remote)).divergence).toBeNull();
        }
        return back.remote.append(...asked);
      },
    };
    expect(await b.sync(racing)).toMatchObject({ divergence: { type: 'forked' } });
    await reviveHome(a.replica, back.remote, 'back');
    await everyone(back.remote);
    expect(b.files.get('c.md')).toBe('c, who knows of no move\n');
  });

  it('lands again what only another member had seen', async () => {
    const { position } = (await a.replica.head()) ?? EMPTY_HEAD;
    await b.write('b.md', 'only b\n');
    await b.write('shared.md', 'one\ntwo by b\n');
    await b.sync(hub.remote);
    const back = await restored(hub, space, position + 1);
    await a.write('a.md', 'a\n');
    await reviveHome(a.replica, back.remote, 'back');
    await a.sync(back.remote);
    await b.write('draft.md', 'not sent yet\n');
    await everyone(back.remote);
    expect(Object.fromEntries(a.files)).toEqual({
      'shared.md': 'one\ntwo by b\n',
      'a.md': 'a\n',
      'b.md': 'only b\n',
      'draft.md': 'not sent yet\n',
    });
  });

  it('lands the commits of an absent author once, though several members carry them and the author comes back', async () => {
    const { position } = (await a.replica.head()) ?? EMPTY_HEAD;
    await c.write('c.md', 'by c\n');
    await c.sync(hub.remote);
    await b.sync(hub.remote);
    const back = await restored(hub, space, position + 1);
    await reviveHome(a.replica, back.remote, 'back');
    expect((await b.sync(back.remote)).divergence).toBeNull();
    expect((await a.sync(back.remote)).divergence).toBeNull();
    expect(a.files.get('c.md')).toBe('by c\n');
    await everyone(back.remote);
    expect(await c.replica.deps.store.read((tx) => tx.items.history(space, { kind: 'text', name: 'c.md' }, { limit: 10 }))).toHaveLength(1);
  });

  it('keeps what others wrote on the restored hub before the owner came', async () => {
    const { position } = (await a.replica.head()) ?? EMPTY_HEAD;
    await a.write('a.md', 'a, lost by the hub\n');
    await a.sync(hub.remote);
    const back = await restored(hub, space, position + 1);
    await b.write('b.md', 'b, after the restore\n');
    await b.sync(back.remote);
    expect((await a.sync(back.remote)).divergence?.type).toBe('forked');
    await reviveHome(a.replica, back.remote, 'back');
    await everyone(back.remote);
    expect([...a.files.keys()].toSorted()).toEqual(['a.md', 'b.md', 'shared.md']);
  });

  it('does not follow a parting that no owner signed', async () => {
    const { position } = (await a.replica.head()) ?? EMPTY_HEAD;
    await a.write('a.md', 'a\n');
    await a.sync(hub.remote);
    const back = await restored(hub, space, position + 1);
    await b.write('b.md', 'b\n');
    await b.sync(back.remote);
    const before = await a.replica.head();
    expect((await a.sync(back.remote)).divergence?.type).toBe('forked');
    expect(await a.replica.head()).toEqual(before);
  });

  it('keeps bodies readable when the restore lost a new epoch', async () => {
    const { position } = (await a.replica.head()) ?? EMPTY_HEAD;
    await b.sync(hub.remote);
    await revoke(a.replica, hub.remote, [c.replica.machine]);
    await b.sync(hub.remote);
    await b.write('b.md', 'under the new key\n');
    await b.sync(hub.remote);
    const back = await restored(hub, space, position + 1);
    await reviveHome(a.replica, back.remote, 'back');
    for (const home of [a, b, a]) await home.sync(back.remote);
    expect(a.files.get('b.md')).toBe('under the new key\n');
  });

  it('merges an edit with what was shown under a key that fell', async () => {
    const { position } = (await a.replica.head()) ?? EMPTY_HEAD;
    await revoke(a.replica, hub.remote, [c.replica.machine]);
    await b.sync(hub.remote);
    await b.write('b.md', 'first\n\nmiddle\n\nlast\n');
    for (const home of [b, a]) await home.sync(hub.remote);
    const back = await restored(hub, space, position + 1);
    await c.write('c.md', 'before the owner came\n');
    await c.sync(back.remote);
    await reviveHome(a.replica, back.remote, 'back');
    // Another key has the number of the one that fell.
    await revoke(a.replica, back.remote, [c.replica.machine]);
    for (const home of [a, b, a]) await home.sync(back.remote);
    for (const home of [a, b]) {
      home.replica.bodies.forgetPlain();
      for (const { item, shown } of (await home.workspace.views()).values())
        if (shown !== null) expect(Buffer.from(await home.workspace.read(item, shown)).toString()).toBe(home.files.get(item.name));
    }
    await a.write('b.md', 'FIRST\n\nmiddle\n\nlast\n');
    await b.write('b.md', 'first\n\nmiddle\n\nLAST\n');
    for (const home of [a, b, a]) await home.sync(back.remote);
    expect(a.files.get('b.md')).toBe('FIRST\n\nmiddle\n\nLAST\n');
    expect(await a.replica.siblings()).toEqual([]);
  });
});
