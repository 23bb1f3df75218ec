import { expect, it } from 'vitest';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createAgainStore } from '../doubles/again-store.ts';
import { createTestMachine, foundSpace } from '../doubles/machine.ts';
import { textItem } from './home.ts';
import { openHub, SmallMachine } from './small-space.ts';

const clock = createTestClock();

/** A machine whose transactions all run twice, with a space of its own at a hub. */
async function machineThatRunsAgain(): Promise<SmallMachine> {
  const store = createAgainStore(await createSqliteStore({ path: ':memory:' }));
  const deps = await createTestMachine({ name: 'owner', seed: 'again', store, objects: createObjectStoreDouble(), clock });
  const hub = await openHub();
  return new SmallMachine(await foundSpace(deps, hub), deps, hub);
}

it('drafts once what its transaction drafted twice', async () => {
  const machine = await machineThatRunsAgain();
  const item = textItem('a.md');
  await machine.write(item, 'one\n');
  await machine.write(item, 'one\ntwo\n');
  expect(machine.replica.drafts).toHaveLength(2);
  expect(await machine.read(item)).toBe('one\ntwo\n');
  await syncWith(machine.replica, machine.hub);
  expect(machine.replica.drafts).toEqual([]);
  expect(await machine.history(item)).toEqual(['one\n', 'one\ntwo\n']);
});

it('counts once what landed in a replay that ran twice', async () => {
  const machine = await machineThatRunsAgain();
  const changes: string[] = [];
  machine.replica.onChange((items, how) => changes.push(`${how} ${items.map(({ name }) => name).join()}`));
  await machine.write(textItem('a.md'), 'one\n');
  await syncWith(machine.replica, machine.hub);
  expect(changes).toEqual(['changed a.md', 'landed a.md']);
});
