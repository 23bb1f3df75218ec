import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Clock } from '../../src/core/ports/clock.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import type { SpaceRunner } from '../../src/node/space-runner.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { createSmallSpace, type SmallMachine } from '../replica/small-space.ts';
import { createPlainRunner } from './plain-runner.ts';

const SEEDS = 15;
const DEEDS = 25;
/** Turns of the event loop within which most is done. */
const TURNS = 300;

/** No time passes by itself: whoever sleeps is woken by what happens, or by `pass`. */
function createStandingClock() {
  const sleepers = new Set<() => void>();
  const clock: Clock = {
    now: () => 1_750_000_000_000,
    sleep: (_ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const wake = (): void => {
          sleepers.delete(wake);
          resolve();
        };
        sleepers.add(wake);
        signal?.addEventListener('abort', wake, { once: true });
      }),
  };
  return { clock, pass: (): void => [...sleepers].forEach((wake) => wake()) };
}

interface Running {
  readonly machine: SmallMachine;
  readonly runner: SpaceRunner;
  /** What the log was followed to when it was last put in place. */
  applied: number;
}

/** Machines whose every step takes another while each time; one of them keeps the log. */
async function createWorld(seed: string) {
  const random = createSeededRandom(seed);
  const linger = async (): Promise<void> => {
    for (let turns = random.below(6); turns > 0; turns -= 1) await nextTurn();
  };
  const space = await createSmallSpace(seed, { keptBy: random.chance(0.7) ? 'owner' : 'hub' });
  const others = await Promise.all(['b', 'c'].map((name) => space.machine(name)));
  for (const other of others) {
    await space.invite(other);
    await syncWith(other.replica, space.hub);
  }
  let failing = 0;
  const slowly = <A extends unknown[], T>(work: (...asked: A) => Promise<T>) => {
    return async (...asked: A): Promise<T> => {
      await linger();
      if (random.chance(failing)) throw new RemoteError('unreachable', 'nobody is there');
      const answer = await work(...asked);
      await linger();
      if (random.chance(failing)) throw new RemoteError('unreachable', 'the answer is lost');
      return answer;
    };
  };
  const remote: Remote = {
    ...space.hub,
    read: slowly((...asked: Parameters<Remote['read']>) => space.hub.read(...asked)),
    append: slowly((...asked: Parameters<Remote['append']>) => space.hub.append(...asked)),
    hasObjects: slowly((...asked: Parameters<Remote['hasObjects']>) => space.hub.hasObjects(...asked)),
    putObjects: slowly((...asked: Parameters<Remote['putObjects']>) => space.hub.putObjects(...asked)),
    getObjects: slowly((...asked: Parameters<Remote['getObjects']>) => space.hub.getObjects(...asked)),
    watch(spaces, onHead, signal) {
      let told = Promise.resolve();
      const tell: typeof onHead = (...news) => {
        told = told.then(linger).then(() => void (signal.aborted || onHead(...news)));
      };
      return space.hub.watch(spaces, tell, signal);
    },
    close: () => Promise.resolve(),
  };
  const time = createStandingClock();
  const running = [space.owner, ...others].map((machine): Running => {
    const self: Running = {
      machine,
      applied: -1,
      runner: createPlainRunner(machine.replica, remote, {
        clock: time.clock,
        random,
        async apply() {
          const { position } = machine.replica;
          await linger();
          await machine.apply();
          await linger();
          if (random.chance(failing)) throw new Error('the disk is full');
          self.applied = position;
        },
      }),
    };
    return self;
  });
  for (const { runner } of running) runner.start();

  const settle = async (isRest: () => boolean): Promise<boolean> => {
    for (let turn = 0; turn < TURNS && !isRest(); turn += 1) await nextTurn();
    return isRest();
  };
  return {
    running,
    random,
    linger,
    time,
    settle,
    fail: (chance: number) => void (failing = chance),
    end: () => Promise.all(running.map(({ runner }) => runner.stop())),
  };
}

it.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
  'brings what was written everywhere without anybody asking again (seed %i)',
  async (seed) => {
    const world = await createWorld(`wakes/${seed}`);
    const { running, random } = world;
    const isRest = (): boolean => {
      const head = Math.max(...running.map(({ machine }) => machine.replica.position));
      return running.every(({ machine, applied }) => machine.replica.drafts.length === 0 && applied === head);
    };
    const isCalm = (): boolean => isRest() && running.every(({ runner }) => runner.state.problem === null);
    const asked: Promise<unknown>[] = [];
    const act = async (): Promise<void> => {
      const { machine, runner } = running[random.below(running.length)] as Running;
      const name = `file-${random.below(4)}`;
      if (random.chance(0.7)) await machine.write({ kind: 'text', name }, `${random.below(1_000)}\n`);
      else if (random.chance(0.5)) asked.push(runner.syncNow().catch(() => null));
      else asked.push(runner.syncAround(async () => void (await machine.write({ kind: 'text', name }, 'around\n'))).catch(() => null));
      for (let pause = random.below(4); pause > 0; pause -= 1) await world.linger();
    };
    try {
      for (let deed = 0; deed < DEEDS; deed += 1) await act();
      await expect.poll(isRest).toBe(true);
      // Where something fails, time has to pass, and nothing else.
      world.fail(0.15);
      for (let deed = 0; deed < DEEDS; deed += 1) {
        await act();
        if (random.chance(0.3)) world.time.pass();
      }
      world.fail(0);
      for (let pause = 0; pause < 10 && !(await world.settle(isCalm)); pause += 1) world.time.pass();
      await expect.poll(isCalm).toBe(true);
      await Promise.all(asked);
    } finally {
      await world.end();
    }
  },
);
