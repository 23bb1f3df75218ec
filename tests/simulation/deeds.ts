import { pull } from '../../src/core/replica/pull.ts';
import { push } from '../../src/core/replica/transfer.ts';
import { act, apply, deliverLate, expectEmptyCapture, scan, sync, turn } from './actions.ts';
import { administer, changeHome } from './administration.ts';
import { burst, edit, makeLink, resolve, restore, stampUnit } from './editing.ts';
import { isHostile, keeps, type Family } from './families.ts';
import { checkpoint, fetchHistory, forgetSome, pruneSome } from './keeping.ts';
import { lease } from './lease-deeds.ts';
import type { SimMachine } from './machine.ts';
import { forge } from './malice.ts';
import { NAMES } from './names.ts';
import { expectForgeriesVoid } from './forgeries.ts';
import { expectEqualStates, expectUnitsWhole } from './oracle.ts';
import { meddle } from './user.ts';
import type { World } from './world.ts';

type Deed = (world: World, machine: SimMachine) => Promise<void>;

/** How often each happens, and in which schedules, if not in all. */
const DEEDS: readonly (readonly [number, string, Deed, ((family: Family) => boolean)?])[] = [
  [30, 'edit', edit],
  [12, 'scan', async (_, m) => act(m, 'scan', () => scan(m))],
  [10, 'apply', async (_, m) => act(m, 'apply', () => apply(m))],
  [16, 'sync', async (_, m) => act(m, 'sync', () => sync(m))],
  [4, 'pull', async (_, m) => act(m, 'pull', () => pull(m.replica, m.link))],
  [3, 'push', async (_, m) => act(m, 'push', () => m.followHome().then(() => push(m.replica, m.link)))],
  [14, 'turn', async (_, m) => act(m, 'turn', () => turn(m))],
  [10, 'race', race],
  [6, 'weather', changeWeather],
  [4, 'clock', turnClock],
  [6, 'mail', async (world) => deliverLate(world)],
  [7, 'administer', administer],
  [6, 'resolve', async (world, m) => act(m, 'resolve', () => resolve(world, m))],
  [3, 'restart', async (world, m) => m.boot(world.space)],
  [5, 'settle', settle],
  [3, 'compare', async (world) => compare(world)],
  [1, 'root', dropRoot],
  [2, 'home', changeHome],
  [2, 'burst', burst],
  [3, 'unit', stampUnit],
  [2, 'link', makeLink],
  [3, 'restore', async (world, m) => act(m, 'restore', () => restore(world, m))],
  [1, 'lease', lease],
  [14, 'forge', forge, isHostile],
  [2, 'copy', copy, isHostile],
  [8, 'prune', async (world, m) => pruneSome(world, someOwner(world, m)), keeps],
  [7, 'forget', async (world, m) => forgetSome(world, someOwner(world, m)), keeps],
  [4, 'checkpoint', async (world, m) => checkpoint(world, someOwner(world, m)), keeps],
  [4, 'history', async (world, m) => act(m, 'history', () => fetchHistory(world, m)), keeps],
];
const TOTALS = new Map<Family, number>();

function totalOf(family: Family): number {
  const known = TOTALS.get(family);
  if (known !== undefined) return known;
  const total = DEEDS.reduce((sum, [weight, , , isIn]) => sum + (isIn === undefined || isIn(family) ? weight : 0), 0);
  TOTALS.set(family, total);
  return total;
}

/** Mostly who may; now and then somebody who may not. */
function someOwner({ random, machines, roles, member }: World, machine: SimMachine): SimMachine {
  const owners = machines.filter((_, index) => member[index] === true && roles[index] === 'owner');
  return random.chance(0.9) ? (owners[random.below(owners.length)] as SimMachine) : machine;
}

/** One step of a schedule. */
export async function step(world: World): Promise<void> {
  const { random, machines, character } = world;
  const machine = machines[random.below(machines.length)] as SimMachine;
  const { family } = character;
  let roll = random.below(totalOf(family));
  const [, name, deed] =
    DEEDS.find(([weight, , , isIn]) => (isIn === undefined || isIn(family)) && (roll -= weight) < 0) ??
    (DEEDS[0] as (typeof DEEDS)[number]);
  world.trace.push(`— ${name} ${machine.name}`);
  if (random.chance(character.crashes)) machine.faults.arm('crash', 1 + random.below(random.chance(0.5) ? 12 : 60));
  else if (random.chance(character.fullDisks)) machine.faults.arm('full', 1 + random.below(20));
  if (random.chance(character.meddling)) {
    machine.onTouch = (path) => {
      if (!random.chance(0.15)) return;
      const own = random.chance(0.6) && (NAMES as readonly string[]).includes(path);
      machine.witness.byUser(() =>
        world.trace.push(`${machine.name}: meanwhile the user ${meddle(machine.disk, random, world.words, own ? path : undefined)}`),
      );
    };
  }
  await deed(world, machine);
  machine.onTouch = null;
  if (machine.faults.dead) await machine.boot(world.space);
  machine.faults.revive();
  if (machine.hasLog && machine.hasKeys) machine.witness.expectNothingOverwritten(machine.replica);
}

/** A disk is copied to another machine, and both go on as the same: the owner's never is, which administers alone. */
async function copy(world: World, machine: SimMachine): Promise<void> {
  const index = world.machines.indexOf(machine);
  if (index === 0 || !machine.hasLog || world.roles[index] === 'owner' || world.machines.length > 4) return;
  if (!machine.disk.hasRoot()) return;
  await world.copyMachine(machine);
  world.trace.push(`${world.machines.at(-1)?.name} is a copy of ${machine.name}`);
}

/** Two things at once, on two machines or on one. */
async function race(world: World, machine: SimMachine): Promise<void> {
  const { random, machines } = world;
  const other = machines[random.below(machines.length)] as SimMachine;
  if (other === machine) {
    if (!machine.hasLog) return;
    const roll = random.below(5);
    const second = roll < 2 ? scan : roll < 4 ? apply : (m: SimMachine) => fetchHistory(world, m);
    await machine.run('race', async () => settleAll<unknown>([sync(machine), second(machine)]));
    return;
  }
  await Promise.all([act(machine, 'sync', () => sync(machine)), act(other, 'sync', () => sync(other))]);
}

/** Waits for both, and only then fails with the first failure. */
async function settleAll<T>(work: readonly Promise<T>[]): Promise<void> {
  const outcomes = await Promise.allSettled(work);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

async function changeWeather({ random, character, trace }: World, machine: SimMachine): Promise<void> {
  machine.weather.up = random.chance(0.6);
  machine.weather.loss = random.chance(0.5) ? character.loss : 0;
  trace.push(`${machine.name}: the network is ${machine.weather.up ? `up, losing ${machine.weather.loss}` : 'down'}`);
}

async function turnClock({ random, trace }: World, machine: SimMachine): Promise<void> {
  const ms = 1 + random.below(200_000_000);
  machine.skew = random.chance(0.2) ? -1_749_999_000_000 : random.chance(0.5) ? ms : -ms;
  trace.push(`${machine.name}: the clock is off by ${machine.skew} ms`);
}

/** A capture after an apply is empty. */
async function settle(world: World, machine: SimMachine): Promise<void> {
  if (!machine.hasLog || !machine.replica.canWrite || !machine.disk.hasRoot()) return;
  machine.onTouch = null;
  machine.faults.revive();
  const outcome = await machine.run('settle', async () => {
    await scan(machine);
    await apply(machine);
  });
  if (outcome === 'ok') await machine.run('settle', () => expectEmptyCapture(world, machine));
}

async function compare(world: World): Promise<void> {
  await expectEqualStates(world);
  await expectUnitsWhole(world);
  await expectForgeriesVoid(world);
}

async function dropRoot({ random, trace }: World, machine: SimMachine): Promise<void> {
  if (!machine.disk.hasRoot()) machine.disk.restoreRoot();
  else if (random.chance(0.5)) machine.disk.dropRoot();
  trace.push(`${machine.name}: the root is ${machine.disk.hasRoot() ? 'there' : 'gone'}`);
}
