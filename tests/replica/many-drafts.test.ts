import { describe, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Store, StoreTransaction } from '../../src/core/ports/store.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, SmallMachine, type SmallSpace } from './small-space.ts';
import { extent } from '../setup/extent.ts';

const file = (index: number): Item => ({ kind: 'text', name: `notes/${index}.md` });
const bodyOf = (item: Item, start: string, end: string): string => `${start}\nof ${item.name}\n\n\n\nend\n${end}`;

/** Look-ups of items: what judging drafts costs. */
interface Counted {
  looks: number;
}

async function offlineMachine(space: SmallSpace, items: readonly Item[]): Promise<{ machine: SmallMachine; counted: Counted }> {
  const { deps, hub } = await space.machine('offline');
  const counted: Counted = { looks: 0 };
  const counting = (tx: StoreTransaction): StoreTransaction => ({
    ...tx,
    items: {
      ...tx.items,
      get: (id, wanted) => {
        counted.looks += wanted.length;
        return tx.items.get(id, wanted);
      },
    },
  });
  const store: Store = {
    read: (work) => deps.store.read((tx) => work(counting(tx))),
    write: (work) => deps.store.write((tx) => work(counting(tx))),
    close: () => deps.store.close(),
  };
  const own = { ...deps, store };
  const machine = new SmallMachine(Replica.create(own, space.owner.replica.space), own, hub);
  await space.invite(machine);
  for (const item of items) await space.owner.write(item, bodyOf(item, 'begin', ''));
  await syncWith(space.owner.replica, space.hub);
  await pull(machine.replica, hub);
  await machine.apply();
  return { machine, counted };
}

/** `count` drafts of two items each, that hang together through them. */
async function draftAlone(machine: SmallMachine, items: readonly Item[], count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    const pair = [items[turn % items.length], items[(turn * 7 + 1) % items.length]] as [Item, Item];
    const found = [...new Set(pair)].map((item, index) => {
      const body = Buffer.from(bodyOf(item, `offline ${turn}.${index}`, ''));
      return { type: 'body' as const, item, attributes: {}, body, local: null };
    });
    await machine.workspace.capture(found, { message: '', writer: 'test' });
  }
}

async function changeAll(space: SmallSpace, items: readonly Item[]): Promise<void> {
  for (const item of items) await space.owner.write(item, bodyOf(item, 'begin', 'owner\n'));
  await syncWith(space.owner.replica, space.hub);
}

describe('a machine that was offline for long', () => {
  it('lands more versions of one file than a change may list, behind what another made of it', async () => {
    const space = await createSmallSpace('one file');
    const count = LIMITS.historyPerPut + 100;
    const { machine } = await offlineMachine(space, [file(0)]);
    await draftAlone(machine, [file(0)], count);
    await changeAll(space, [file(0)]);
    await machine.restart();
    await syncWith(machine.replica, space.hub);
    expect(machine.replica.drafts).toEqual([]);
    await pull(space.owner.replica, space.hub);
    const merged = bodyOf(file(0), `offline ${count - 1}.0`, 'owner\n');
    for (const at of [machine, space.owner]) expect(await at.read(file(0))).toBe(merged);
    const history = new Set(await space.owner.history(file(0)));
    for (let turn = 0; turn < count; turn++) expect(history).toContain(bodyOf(file(0), `offline ${turn}.0`, ''));
  });

  it('comes back from drafts that all hang together, and conflict with what others did', async () => {
    const space = await createSmallSpace('conflict');
    const items = Array.from({ length: 8 }, (_, index) => file(index));
    const { machine } = await offlineMachine(space, items);
    await draftAlone(machine, items, extent(150, 300));
    for (const item of items) await space.owner.write(item, bodyOf(item, 'otherwise', ''));
    await syncWith(space.owner.replica, space.hub);
    await syncWith(machine.replica, space.hub);
    await pull(space.owner.replica, space.hub);
    expect(machine.replica.drafts).toEqual([]);
    const open = await space.owner.replica.siblings();
    expect(new Set(open.map((sibling) => sibling.item.name)).size).toBe(items.length);
    expect(open.map((sibling) => sibling.sibling).toSorted()).toEqual((await machine.replica.siblings()).map((s) => s.sibling).toSorted());
  });

  it.each([
    ['what others did in between', true],
    ['nothing new', false],
  ])('sends its drafts behind %s at a cost that grows as they do', async (_, changed) => {
    const cost = async (count: number): Promise<number> => {
      const space = await createSmallSpace(`cost ${count}`);
      const items = Array.from({ length: 20 }, (__, index) => file(index));
      const { machine, counted } = await offlineMachine(space, items);
      await draftAlone(machine, items, count);
      if (changed) await changeAll(space, items);
      await machine.restart();
      counted.looks = 0;
      await syncWith(machine.replica, space.hub);
      expect(machine.replica.drafts).toEqual([]);
      return counted.looks;
    };
    const few = extent(100, 200);
    expect((await cost(4 * few)) / (await cost(few))).toBeLessThan(5);
  });

  it('rebases separate files at a cost that grows as they do', async () => {
    const cost = async (count: number): Promise<number> => {
      const space = await createSmallSpace(`separate ${count}`);
      const items = Array.from({ length: count }, (_, index) => file(index));
      const { machine, counted } = await offlineMachine(space, items);
      for (const [index, item] of items.entries()) await machine.write(item, bodyOf(item, `offline ${index}`, ''));
      await changeAll(
        space,
        items.filter((_, index) => index % 2 === 0),
      );
      counted.looks = 0;
      await syncWith(machine.replica, space.hub);
      expect(machine.replica.drafts).toEqual([]);
      return counted.looks;
    };
    expect((await cost(160)) / (await cost(40))).toBeLessThan(5);
  });
});
