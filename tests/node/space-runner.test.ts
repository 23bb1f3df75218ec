import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/ports/clock.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import type { SpaceRunner } from '../../src/node/space-runner.ts';
import { createSmallSpace, type SmallMachine } from '../replica/small-space.ts';
import { createPlainRunner, MIDDLE, takeTurns } from './plain-runner.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Time that passes only when a test says so; its clock can be set without that. */
function createStepClock() {
  let [passed, set] = [0, 0];
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  const clock: Clock = {
    now: () => 1_750_000_000_000 + passed + set,
    sleep: (ms, signal) =>
      new Promise<void>((resolve) => {
        if (signal?.aborted === true) return resolve();
        const wake = (): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const sleeper = { at: passed + ms, wake };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', wake, { once: true });
      }),
  };
  const settle = (): Promise<void> => takeTurns(5);
  return {
    clock,
    settle,
    setBy: (ms: number) => void (set += ms),
    async pass(ms: number) {
      const until = passed + ms;
      for (;;) {
        await settle();
        const due = [...sleepers].filter(({ at }) => at <= until).toSorted((one, other) => one.at - other.at)[0];
        if (due === undefined) break;
        passed = Math.max(passed, due.at);
        due.wake();
      }
      passed = until;
    },
  };
}

let time: ReturnType<typeof createStepClock>;
let machine: SmallMachine;
let runner: SpaceRunner;
/** When the remote was asked for, milliseconds from the first time. */
let tries: number[];
let trouble: RemoteError | null;
/** Nothing is ever heard of it. */
let isDeaf: boolean;
/** What happens where something is put in place. */
let applying: () => Promise<void>;
/** What a read of the remote waits for. */
let slowly: Promise<void>;
let goOn: () => void;
let opened: number;
let closed: number;

beforeEach(async () => {
  time = createStepClock();
  const space = await createSmallSpace('runner');
  machine = space.owner;
  tries = [];
  slowly = Promise.resolve();
  applying = () => Promise.resolve();
  goOn = () => undefined;
  [opened, closed] = [0, 0];
  trouble = new RemoteError('unreachable', 'nobody is there');
  isDeaf = false;
  const remote: Remote = {
    ...space.hub,
    // Of the sync alone: the watching fails for itself.
    watch: (_spaces, _onHead, signal) =>
      trouble === null && !isDeaf
        ? new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
        : Promise.reject(trouble ?? new RemoteError('unreachable', 'nothing is heard')),
    read: async (...asked) => {
      tries.push(time.clock.now());
      await slowly;
      if (trouble !== null) throw trouble;
      return space.hub.read(...asked);
    },
    close: async () => {
      closed += 1;
    },
  };
  runner = createPlainRunner(machine.replica, remote, {
    clock: time.clock,
    random: MIDDLE,
    apply: () => applying(),
    openRemote: async () => {
      opened += 1;
      return remote;
    },
  });
  runner.start();
  await time.settle();
});
afterEach(() => {
  goOn();
  return runner.stop();
});

const edit = (text: string): Promise<unknown> => machine.write({ kind: 'text', name: 'CLAUDE.md' }, text);

describe('a remote that is away', () => {
  it('for a week is asked ever more rarely, and not for ever', async () => {
    await time.pass(7 * 24 * HOUR);
    const pauses = tries.slice(1).map((at, index) => at - (tries[index] as number));
    expect(pauses.slice(0, 5).map((pause) => Math.round(pause / 1_000))).toEqual([1, 2, 4, 8, 16]);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5 * MINUTE);
    expect(tries.length).toBeLessThan(2_200);
    expect(runner.state.problemType).toBe('unreachable');
  });

  it.each([0, 30 * 24 * HOUR, -30 * 24 * HOUR])('is asked within the same time where the clock is set by %i', async (by) => {
    await time.pass(HOUR);
    time.setBy(by);
    tries.length = 0;
    await time.pass(6 * MINUTE);
    expect(tries.length).toBeGreaterThan(0);
    tries.length = 0;
    await edit('written now\n');
    await time.pass(1_100);
    expect(tries.length).toBe(1);
  });

  it('is asked at once by a person, and in sync when it is back', async () => {
    await edit('written meanwhile\n');
    await time.pass(HOUR);
    await expect(runner.syncNow()).rejects.toThrow('nobody is there');
    trouble = null;
    await runner.syncNow();
    expect(machine.replica.drafts).toEqual([]);
    expect(runner.state).toMatchObject({ problem: null, retryAt: null });
  });

  it('is asked at once when the machine wakes up', async () => {
    await edit('written meanwhile\n');
    await time.pass(HOUR);
    trouble = null;
    await runner.wakeUp('slept');
    await time.pass(0);
    for (let turn = 0; turn < 50 && machine.replica.drafts.length > 0; turn += 1) await time.settle();
    expect(machine.replica.drafts).toEqual([]);
  });

  it('and said when to come again is left alone until then, but for a person', async () => {
    trouble = new RemoteError('unreachable', 'too many requests', { retryAfter: 10 * MINUTE });
    await time.pass(6 * MINUTE);
    tries.length = 0;
    for (let second = 0; second < 120; second += 1) {
      await edit(`at ${second}\n`);
      await time.pass(1_000);
    }
    expect(tries).toEqual([]);
    await expect(runner.syncNow()).rejects.toThrow('too many requests');
    expect(tries.length).toBe(1);
  });

  it('is not asked in a frenzy where it says to come again at once', async () => {
    trouble = new RemoteError('unreachable', 'too many requests', { retryAfter: 0 });
    tries.length = 0;
    await time.pass(10_000);
    expect(tries.length).toBeLessThanOrEqual(11);
  });
});

describe('while a sync is under way', () => {
  /** Begins one that waits for the remote, until `goOn`. */
  async function begin(): Promise<{ readonly synced: Promise<unknown> }> {
    trouble = null;
    await runner.syncNow();
    await edit('written now\n');
    await time.pass(1_000);
    slowly = new Promise((resolve) => (goOn = resolve));
    const synced = runner.syncNow();
    await time.settle();
    return { synced };
  }

  it('a machine whose timers were late keeps its connections, and the sync ends well', async () => {
    const { synced } = await begin();
    const before = [opened, closed];
    await runner.wakeUp('late');
    await time.settle();
    expect([opened, closed]).toEqual(before);
    goOn();
    await synced;
    await time.pass(1_000);
    expect([opened, closed]).toEqual(before);
    expect(runner.state.problem).toBeNull();
  });

  it('a machine whose timers were late drops its connections where the sync fails after all', async () => {
    const { synced } = await begin();
    const before = closed;
    await runner.wakeUp('late');
    trouble = new RemoteError('unreachable', 'nothing was heard for 30 s');
    goOn();
    await expect(synced).rejects.toThrow('nothing was heard');
    expect(closed).toBe(before + 1);
    trouble = null;
    await time.pass(2_000);
    expect(runner.state.problem).toBeNull();
  });

  it.each(['slept', 'network'] as const)('a machine that woke up (%s) drops its connections at once', async (reason) => {
    const { synced } = await begin();
    const before = closed;
    await runner.wakeUp(reason);
    expect(closed).toBe(before + 1);
    goOn();
    await synced;
  });
});

it('a machine whose timers were late drops connections that nothing uses', async () => {
  trouble = null;
  await runner.syncNow();
  await time.pass(1_000);
  const before = closed;
  await runner.wakeUp('late');
  expect(closed).toBe(before + 1);
});

it('a home that is lost, and was never heard of, is noticed all the same, and not asked in a frenzy', async () => {
  trouble = null;
  isDeaf = true;
  await runner.syncNow();
  await time.pass(10 * MINUTE);
  expect(runner.state).toMatchObject({ problem: null });
  tries = [];
  await time.pass(10 * MINUTE);
  expect(tries.length).toBeLessThan(25);
  trouble = new RemoteError('unreachable', 'it was made anew');
  await time.pass(MINUTE);
  expect(runner.state.problem).toBe('it was made anew');
});

it('what a person asked for and failed is tried again without being asked', async () => {
  trouble = null;
  await runner.syncNow();
  await time.pass(1_000);
  let applied = 0;
  applying = async () => {
    applied += 1;
    if (applied === 1) throw new Error('the store could not be written');
  };
  await expect(runner.syncNow()).rejects.toThrow('the store could not be written');
  await time.pass(1_000);
  expect(applied).toBe(2);
  expect(runner.state.problem).toBeNull();
});

it('a full disk is tried again every ten seconds, however long it has been full', async () => {
  trouble = null;
  applying = () => Promise.reject(Object.assign(new Error('no room'), { code: 'SQLITE_FULL' }));
  await time.pass(HOUR);
  expect(runner.state.problem).toMatch(/the disk is full/);
  applying = () => Promise.resolve();
  await time.pass(10_000);
  expect(runner.state.problem).toBeNull();
});

it('what was read during a capture that failed is put in place all the same', async () => {
  trouble = null;
  await runner.syncNow();
  await time.pass(1_000);
  let applied = 0;
  applying = async () => void (applied += 1);
  const capture = async (): Promise<void> => {
    await edit('written now\n');
    await time.pass(1_000);
    expect([machine.replica.drafts, applied]).toEqual([[], 0]);
    throw new Error('the disk is full');
  };
  await expect(runner.syncAround(capture)).rejects.toThrow('the disk is full');
  await time.pass(1_000);
  expect(applied).toBe(1);
});
