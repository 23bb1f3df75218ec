import { beforeEach, describe, expect, it } from 'vitest';
import type { ObjectId } from '../../src/core/ids.ts';
import type { Item } from '../../src/core/item.ts';
import { moveHome } from '../../src/core/replica/move-home.ts';
import { NotAllowed } from '../../src/core/replica/administer.ts';
import { planPrune, prune } from '../../src/core/replica/prune.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createMemoryObjects } from '../../src/store/chunks/memory-objects.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createSmallSpace, type SmallMachine, type SmallSpace } from './small-space.ts';

const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };
const OTHER: Item = { kind: 'text', name: 'other.md' };
const NOW = { olderThan: 0, keep: 1 };

/** A body that is no part of a bundle. */
const large = (seed: string): string => Array.from({ length: 3_000 }, (_, i) => `${seed} ${i}`).join('\n');

describe('prune', () => {
  let space: SmallSpace;
  let owner: SmallMachine;
  let other: SmallMachine;
  const sync = async (machine: SmallMachine): Promise<void> => {
    expect((await syncWith(machine.replica, space.hub)).divergence).toBeNull();
    // As a source does, which writes what it shows.
    await machine.workspace.prefetch((await machine.workspace.outstanding()).flatMap(({ content }) => content ?? []));
    await machine.apply();
  };
  const writeAll = async (machine: SmallMachine, item: Item, bodies: readonly string[]): Promise<void> => {
    for (const body of bodies) {
      await machine.write(item, body);
      await sync(machine);
    }
  };
  const objectsOf = async (machine: SmallMachine, item: Item): Promise<ObjectId[][]> => {
    const entries = await machine.deps.store.read((tx) => tx.items.history(machine.replica.space, item, { limit: 100 }));
    return entries.toReversed().map((entry) => (entry.content?.pieces ?? []).map((piece) => piece.object));
  };

  beforeEach(async () => {
    space = await createSmallSpace('prune');
    owner = space.owner;
    other = await space.machine('other');
    await space.invite(other);
    await sync(other);
  });

  it('drops superseded bodies everywhere, and says so when they are read', async () => {
    await writeAll(owner, FILE, [large('one'), large('two'), large('three')]);
    await sync(other);
    const [one, two, three] = await objectsOf(owner, FILE);
    const done = await prune(owner.replica, space.hub, NOW);
    expect(done.objects.toSorted()).toEqual([...(one ?? []), ...(two ?? [])].toSorted());
    expect(await space.hub.hasObjects(owner.replica.space, [...(one ?? []), ...(two ?? [])])).toEqual(new Set());
    expect((await space.hub.hasObjects(owner.replica.space, three ?? [])).size).toBe(three?.length);
    await sync(other);
    for (const machine of [owner, other]) {
      expect(await machine.read(FILE)).toBe(large('three'));
      await expect(machine.history(FILE)).rejects.toMatchObject({ reason: 'pruned' });
      expect((await machine.deps.objects.has(machine.replica.space, [...(one ?? []), ...(two ?? [])])).size).toBe(0);
    }
  });

  it('plans without changing anything', async () => {
    await writeAll(owner, FILE, [large('one'), large('two')]);
    const plan = await planPrune(owner.replica, NOW);
    expect(plan).toMatchObject({ bodies: 1, bytes: large('one').length });
    expect(await owner.history(FILE)).toHaveLength(2);
  });

  it('keeps what is younger, and the newest bodies that the policy names', async () => {
    await writeAll(owner, FILE, [large('one'), large('two'), large('three')]);
    expect((await planPrune(owner.replica, { olderThan: 1_000, keep: 1 })).objects).toEqual([]);
    expect((await planPrune(owner.replica, { olderThan: 0, keep: 2 })).bodies).toBe(1);
    expect((await planPrune(owner.replica, { olderThan: 0, keep: 3 })).objects).toEqual([]);
  });

  it('keeps open siblings', async () => {
    await writeAll(owner, FILE, [large('base')]);
    await sync(other);
    await owner.write(FILE, large('mine'));
    await other.write(FILE, large('theirs'));
    await sync(owner);
    await sync(other);
    await sync(owner);
    const [sibling] = await owner.replica.siblings(FILE);
    await prune(owner.replica, space.hub, NOW);
    await sync(other);
    for (const machine of [owner, other]) {
      const content = sibling?.content;
      if (content == null) throw new Error('no conflict was made');
      expect(Buffer.from(await machine.replica.bodies.read(content)).toString()).toBe(large('theirs'));
    }
  });

  it('keeps bundles that hold a current body too', async () => {
    const note = { message: '', writer: 'test' };
    const body = (item: Item, text: string) => ({ type: 'body' as const, item, attributes: {}, body: Buffer.from(text), local: null });
    await owner.workspace.capture([body(FILE, 'small one'), body(OTHER, 'small neighbour')], note);
    await sync(owner);
    await writeAll(owner, FILE, ['small two']);
    expect((await prune(owner.replica, space.hub, NOW)).objects).toEqual([]);
    expect(await owner.history(FILE)).toEqual(['small one', 'small two']);
  });

  it('saves what a machine that hears of it later still needs as a merge base', async () => {
    const lines = (first: string, last: string): string => `${first}\n${large('middle')}\n${last}\n`;
    await writeAll(owner, FILE, [lines('a', 'z')]);
    await sync(other);
    await other.write(FILE, lines('a', 'Z')); // a draft
    await writeAll(owner, FILE, [lines('A', 'z')]);
    await prune(owner.replica, space.hub, NOW);
    await sync(other);
    expect(await other.replica.siblings()).toEqual([]);
    expect(await other.read(FILE)).toBe(lines('A', 'Z'));
  });

  it('takes a pruned body again, and does not lose it to a machine that obeys late', async () => {
    await writeAll(owner, FILE, [large('one'), large('two')]);
    await sync(other);
    const late = await space.machine('late');
    await space.invite(late);
    await sync(late);
    await prune(owner.replica, space.hub, NOW);
    await sync(other);
    await writeAll(other, FILE, [large('one')]); // the very chunks that were pruned
    await sync(owner);
    await sync(late);
    for (const machine of [owner, other, late]) {
      await machine.restart();
      expect(await machine.read(FILE)).toBe(large('one'));
    }
    const [one] = await objectsOf(owner, FILE);
    expect((await space.hub.hasObjects(owner.replica.space, one ?? [])).size).toBe(one?.length);
  });

  it('is for owners only', async () => {
    await writeAll(other, FILE, [large('one'), large('two')]);
    await expect(prune(other.replica, space.hub, NOW)).rejects.toThrow(NotAllowed);
    expect(await other.history(FILE)).toHaveLength(2);
  });

  it('lets a pruned space move to another remote, and be joined there', async () => {
    await writeAll(owner, FILE, [large('one'), large('two')]);
    await prune(owner.replica, space.hub, NOW);
    const target = createLocalRemote({
      store: await createSqliteStore({ path: ':memory:' }),
      objects: createMemoryObjects(),
      clock: createTestClock(),
      address: 'test:target',
    });
    await moveHome(owner.replica, space.hub, target, 'the target');
    const fresh = await space.machine('fresh');
    await space.invite(fresh);
    fresh.replica = Replica.create(fresh.deps, owner.replica.space);
    await pull(fresh.replica, space.hub);
    expect(await fresh.replica.deps.store.read((tx) => tx.logs.head(owner.replica.space))).not.toBeNull();
    const { hub } = space;
    expect((await target.head(owner.replica.space))?.position).toBeGreaterThan(0);
    expect((await hub.head(owner.replica.space))?.position).toBeGreaterThan(0);
  });
});
