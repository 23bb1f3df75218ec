import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestClock } from '../../tests/contracts/test-clock.ts';
import { PATIENCE } from '../../tests/setup/patience.ts';
import type { SpaceId } from '../core/ids.ts';
import type { ObjectStore } from '../core/ports/objects.ts';
import { createMemoryObjects } from '../store/chunks/memory-objects.ts';
import { createSqliteStore, type SqliteStore } from '../store/sqlite/sqlite-store.ts';
import { createGiveBack, noteDeletion } from './give-back.ts';

const [ONE, TWO] = ['01'.repeat(32), '02'.repeat(32)] as [SpaceId, SpaceId];

let store: SqliteStore;
let compacted: [SpaceId, boolean][];
let failures: unknown[];
let isAway: boolean;
let during: () => Promise<void>;
let stop: AbortController;
beforeEach(async () => {
  store = await createSqliteStore({ path: ':memory:' });
  [compacted, failures, isAway, stop] = [[], [], false, new AbortController()];
  during = async () => {};
});
afterEach(async () => {
  stop.abort();
  await store.close();
});

const objects: ObjectStore = {
  ...createMemoryObjects(),
  async compact(space, { thorough = false } = {}) {
    if (isAway) throw new Error('away');
    compacted.push([space, thorough]);
    await during();
    return 0;
  },
};
const clock = { ...createTestClock(), sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) };
const start = () => {
  const giveBack = createGiveBack({ store, objects, clock, onFailed: (error) => failures.push(error) });
  return { giveBack, ended: giveBack.run(stop.signal) };
};
const note = (space: SpaceId, isThorough: boolean) => store.write(({ documents }) => noteDeletion(documents, space, isThorough));
const owed = async () => (await store.read(({ documents }) => documents.list('bytes-to-give-back'))).length;

it('gives back what is owed, of earlier lives too, thoroughly where something was erased', async () => {
  await note(ONE, true);
  await note(ONE, false);
  await note(TWO, false);
  const { giveBack, ended } = start();
  await expect.poll(owed, PATIENCE).toBe(0);
  expect(compacted).toEqual([
    [ONE, true],
    [TWO, false],
  ]);
  await note(TWO, true);
  giveBack.wake();
  await expect.poll(owed, PATIENCE).toBe(0);
  expect(compacted.at(-1)).toEqual([TWO, true]);
  stop.abort();
  await ended;
});

it('begins again where something was deleted meanwhile', async () => {
  await note(ONE, false);
  let giveBack: { wake(): void } | null = null;
  during = async () => {
    if (compacted.length > 1) return;
    await note(ONE, true);
    giveBack?.wake();
  };
  ({ giveBack } = start());
  await expect.poll(owed, PATIENCE).toBe(0);
  expect(compacted).toEqual([
    [ONE, false],
    [ONE, true],
  ]);
});

it('tries again what failed, and ends at once when it is to', async () => {
  isAway = true;
  await note(ONE, true);
  const { ended } = start();
  await expect.poll(() => failures.length, PATIENCE).toBeGreaterThan(1);
  expect(await owed()).toBe(1);
  isAway = false;
  await expect.poll(owed, PATIENCE).toBe(0);
  await note(TWO, true);
  during = () => new Promise(() => {});
  stop.abort();
  await ended;
});
