import { afterEach, expect, it } from 'vitest';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { SpaceRunner } from '../../src/node/space-runner.ts';
import { createSmallSpace, type SmallMachine } from '../replica/small-space.ts';
import { createPlainRunner } from './plain-runner.ts';

const LANDING_MS = 15;

let runner: SpaceRunner;
afterEach(() => runner.stop());

interface World {
  readonly owner: SmallMachine;
  /** How many records each append was of. */
  readonly appended: number[];
  /** Sleeps that were asked for and go on, in milliseconds. */
  readonly sleeping: Map<number, () => void>;
}

/** A runner whose appends take a while by its clock, and that sleeps until it is woken. */
async function start(keptBy: 'owner' | 'hub'): Promise<World> {
  const { owner, hub } = await createSmallSpace(`rest-${keptBy}`, { keptBy });
  let now = 1_750_000_000_000;
  const [appended, sleeping]: [number[], Map<number, () => void>] = [[], new Map()];
  const remote: Remote = {
    ...hub,
    append: async (...asked) => {
      now += LANDING_MS;
      appended.push(asked[2].records.length);
      return hub.append(...asked);
    },
    close: () => Promise.resolve(),
  };
  runner = createPlainRunner(owner.replica, remote, {
    clock: {
      now: () => now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          sleeping.set(ms, resolve);
          signal?.addEventListener('abort', () => resolve(), { once: true });
        }),
    },
    random: createSeededRandom('rest'),
  });
  runner.start();
  return { owner, appended, sleeping };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
const edit = (owner: SmallMachine, text: string): Promise<unknown> => owner.write({ kind: 'text', name: `${text}.md` }, text);

it('lets drafts land together that come while it rests, in a log that is kept here', async () => {
  const { owner, appended, sleeping } = await start('owner');
  await settle();
  await edit(owner, 'first');
  await settle();
  expect(appended).toEqual([1]);
  for (const text of ['second', 'third', 'fourth']) await edit(owner, text);
  await settle();
  expect(appended).toEqual([1]);
  sleeping.get(3 * LANDING_MS)?.();
  await settle();
  expect(appended).toEqual([1, 3]);
});

it('is in nobody’s way who asks for a sync meanwhile', async () => {
  const { owner, appended } = await start('owner');
  await settle();
  await edit(owner, 'first');
  await settle();
  await edit(owner, 'second');
  await runner.syncNow();
  expect(appended).toEqual([1, 1]);
});

it('rests for nothing where the log is kept elsewhere', async () => {
  const { owner, appended } = await start('hub');
  await settle();
  await edit(owner, 'first');
  await settle();
  await edit(owner, 'second');
  await settle();
  expect(appended).toEqual([1, 1]);
});
