import { sha256Hex } from '../../src/core/crypto/hash.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import { apply, deliverLate, expectEmptyCapture, scan, sync } from './actions.ts';
import { gather, settleHome } from './administration.ts';
import { step } from './deeds.ts';
import { fetchHistory } from './keeping.ts';
import type { SimMachine } from './machine.ts';
import { expectEqualStates, expectEverythingKept, expectHomeShown, expectUnitsWhole, expectWordsKept, stateOf } from './oracle.ts';
import type { PlaceKind } from './places.ts';
import { Violation } from './violation.ts';
import { createWorld, type World } from './world.ts';

export interface Outcome {
  readonly seed: number;
  readonly trace: readonly string[];
  /** `null`: every law held. */
  readonly failure: Error | null;
  /** Of the whole trace and the final state: equal for equal seeds. */
  readonly fingerprint: string;
}

const MOST_ROUNDS = 12;

/** Runs one schedule, lets everything settle, and holds the outcome against the laws. */
export async function runSchedule(seed: number, kind: PlaceKind = 'hub'): Promise<Outcome> {
  const world = await createWorld(seed, kind);
  let failure: Error | null = null;
  let state = '';
  try {
    await gather(world);
    for (let left = world.character.steps; left > 0; left -= 1) await step(world);
    await quiesce(world);
    await expectWordsKept(world);
    await expectEverythingKept(world);
    state = await stateOf((world.machines[0] as SimMachine).store, world.space);
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  } finally {
    await world.close();
  }
  return { seed, trace: world.trace, failure, fingerprint: sha256Hex(world.trace.join('\n'), state, String(failure)) };
}

/** The network heals, clocks go right, and everybody takes turns until nothing moves. */
async function quiesce(world: World): Promise<void> {
  const { machines, member, trace } = world;
  trace.push('— everything settles');
  await deliverLate(world, Number.POSITIVE_INFINITY);
  const [owner] = machines as [SimMachine];
  for (const machine of machines) {
    machine.skew = 0;
    machine.faults.revive();
    Object.assign(machine.weather, { up: true, loss: 0 });
    if (!machine.disk.hasRoot()) machine.disk.restoreRoot();
  }
  await settleHome(world);
  if (world.moving !== null || world.restored) throw new Violation('the home is not put right');
  for (const [index, machine] of machines.entries()) {
    if (member[index] !== true) continue;
    const role = index === 0 ? 'owner' : 'writer';
    machine.home = owner.home;
    const { recipient, name } = machine.deps.machine;
    await addMember(owner.replica, owner.link, { machine: machine.replica.machine, recipient, role, account: null, name });
  }
  const active = machines.filter((_, index) => member[index] === true);
  for (let round = 0; ; round += 1) {
    if (round === MOST_ROUNDS) throw new Violation(`after ${MOST_ROUNDS} rounds without faults the machines still change`);
    trace.push(`round ${round}`);
    // Long enough for retries to be due, and for torn lines to count as old even where a wrong clock dated them ahead.
    world.passTime(3 * 24 * 3_600_000);
    let moved = 0;
    for (const machine of active) {
      machine.link.resetCalls();
      const pulled = machine.hasLog && machine.replica.canWrite ? 0 : await sync(machine);
      const made = [pulled, await scan(machine), await sync(machine), await apply(machine)];
      trace.push(`${machine.name}: pulled ${made[0]}, captured ${made[1]}, synced ${made[2]}, applied ${made[3]}`);
      await machine.followHome();
      // A page at a time, of as few records as the remote likes: the whole history is one thing that came.
      let pages = 0;
      while (await fetchHistory(world, machine)) pages += 1;
      moved += Math.min(1, pages);
      moved += made.reduce((sum, n) => sum + n, 0);
    }
    if (moved === 0) break;
  }
  await expectEqualStates(world);
  await expectUnitsWhole(world);
  for (const machine of active) {
    if (machine.replica.drafts.length > 0) throw new Violation(`${machine.name}: drafts are left`);
    const [first] = active as [SimMachine];
    if (machine.replica.position !== first.replica.position) throw new Violation(`${machine.name}: did not read the whole log`);
    await expectEmptyCapture(world, machine);
    await expectHomeShown(machine);
    machine.witness.expectNothingOverwritten(machine.replica);
  }
}
