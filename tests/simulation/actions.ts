import { addMember, changeRole, revoke } from '../../src/core/replica/administer.ts';
import { moveHome, reviveHome } from '../../src/core/replica/move-home.ts';
import { pull, push, syncWith } from '../../src/core/replica/transfer.ts';
import type { Divergence } from '../../src/core/replica/transfer.ts';
import type { SimMachine } from './machine.ts';
import type { Link } from './network.ts';
import { NAMES } from './names.ts';
import { meddle } from './user.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';
import { expectEqualStates } from './oracle.ts';
import { placed, wordsIn } from './witness.ts';
import type { Content } from '../../src/core/content.ts';
import type { Replica } from '../../src/core/replica/replica.ts';

type Deed = (world: World, machine: SimMachine) => Promise<void>;

/** How often each happens. */
const DEEDS: readonly (readonly [number, string, Deed])[] = [
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
  [5, 'administer', administer],
  [6, 'resolve', async (world, m) => act(m, 'resolve', () => resolve(world, m))],
  [3, 'restart', async (world, m) => m.boot(world.space)],
  [5, 'settle', settle],
  [3, 'compare', async (world) => expectEqualStates(world)],
  [1, 'root', dropRoot],
  [2, 'home', changeHome],
];
const TOTAL = DEEDS.reduce((sum, [weight]) => sum + weight, 0);

/** One step of a schedule. */
export async function step(world: World): Promise<void> {
  const { random, machines, character } = world;
  const machine = machines[random.below(machines.length)] as SimMachine;
  let roll = random.below(TOTAL);
  const [, name, deed] = DEEDS.find(([weight]) => (roll -= weight) < 0) ?? DEEDS[0]!;
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

async function act(machine: SimMachine, name: string, work: () => Promise<unknown>): Promise<void> {
  if (machine.hasLog || name === 'sync' || name === 'pull') await machine.run(name, work);
}

async function edit(world: World, machine: SimMachine): Promise<void> {
  for (let left = 1 + world.random.below(3); left > 0; left -= 1) {
    machine.witness.byUser(() => world.trace.push(`${machine.name}: the user ${meddle(machine.disk, world.random, world.words)}`));
  }
  if (world.random.chance(0.6)) await act(machine, 'scan', () => scan(machine));
}

export async function scan(machine: SimMachine): Promise<number> {
  const report = await machine.source.scan();
  if (report.state.type === 'mass-deletion' || report.state.type === 'root-missing') {
    if (!machine.disk.hasRoot()) return report.changes;
    const answer = machine.clock.now() % 2 === 0 ? 'delete' : 'restore';
    if (answer === 'delete') await machine.noteShownAsRemoved(report.state.names);
    return report.changes + (await machine.source.answerDeletions(answer)).changes;
  }
  return report.changes;
}

export async function apply(machine: SimMachine): Promise<number> {
  const { written, removed, notHere } = await machine.source.apply();
  return written + removed + notHere.length;
}

export async function sync(machine: SimMachine): Promise<number> {
  // What was sent to an old home would be lost there: a node looks before it sends.
  await machine.followHome();
  const { pulled, pushed, divergence, moved } = await syncWith(machine.replica, machine.link);
  followed(machine, divergence);
  await machine.followHome();
  return pulled + pushed + (moved ? await sync(machine) : 0);
}

/** What the node's loop does in one go. */
export async function turn(machine: SimMachine): Promise<number> {
  const scanned = await scan(machine);
  const synced = await sync(machine);
  return scanned + synced + (await apply(machine));
}

function followed(machine: SimMachine, divergence: Divergence | null): void {
  if (divergence !== null && !machine.expectsDivergence())
    throw new Violation(`${machine.name} does not follow the hub: ${JSON.stringify(divergence)}`);
}

/** Two things at once, on two machines or on one. */
async function race(world: World, machine: SimMachine): Promise<void> {
  const { random, machines } = world;
  const other = machines[random.below(machines.length)] as SimMachine;
  if (other === machine) {
    if (!machine.hasLog) return;
    const second = random.chance(0.5) ? scan : apply;
    await machine.run('race', async () => settleAll([sync(machine), second(machine)]));
    return;
  }
  await Promise.all([act(machine, 'sync', () => sync(machine)), act(other, 'sync', () => sync(other))]);
}

/** Waits for both, and only then fails with the first failure. */
async function settleAll(work: readonly Promise<unknown>[]): Promise<void> {
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

export async function deliverLate({ mail, random, trace }: World, most = 3): Promise<void> {
  for (let left = most; left > 0 && mail.late.length > 0; left -= 1) {
    const [run] = mail.late.splice(random.below(mail.late.length), 1);
    trace.push('a late request arrives');
    await run?.();
  }
}

/** The owner moves the home remote; or it is restored from a backup, which the owner notices sooner or later. */
async function changeHome(world: World): Promise<void> {
  const { random, machines, places, trace } = world;
  const [owner] = machines as [SimMachine];
  if (world.moving !== null || world.restored) return settleHome(world);
  if (random.chance(0.5)) {
    world.moving = { from: owner.home, to: await world.addPlace() };
    trace.push(`the home moves to ${world.moving.to}`);
  } else {
    const head = await places.get(owner.home)?.head(world.space);
    const position = Math.max(0, (head?.position ?? 0) - random.below(8));
    await world.restorePlace(owner.home, position);
    [world.restored, world.everRestored] = [true, true];
    trace.push(`${owner.home} is restored as it was at ${position}`);
  }
  if (random.chance(0.5)) await settleHome(world);
}

/** The owner finishes what it began, or brings a restored home back. */
export async function settleHome(world: World): Promise<void> {
  const [owner] = world.machines as [SimMachine];
  const { moving } = world;
  if (moving !== null) {
    const links = [moving.from, moving.to].map((address) => owner.linkTo(() => address)) as [Link, Link];
    const outcome = await owner.run('move', () => moveHome(owner.replica, ...links, moving.to));
    if (outcome === 'ok') world.moving = null;
  }
  if (world.restored && world.moving === null) {
    const outcome = await owner.run('revive', () => reviveHome(owner.replica, owner.link, owner.home));
    if (outcome === 'ok') world.restored = false;
  }
}

/** An owner lists a machine, takes it off, or changes its role. */
async function administer(world: World, machine: SimMachine): Promise<void> {
  const { random, machines, member, character } = world;
  const [owner] = machines as [SimMachine];
  if (machines.length < character.machines) {
    await invite(world, await world.addMachine());
    return;
  }
  const index = machines.indexOf(machine);
  if (index === 0) return;
  if (member[index] !== true) return invite(world, machine);
  const target = machine.replica.machine;
  const roll = random.below(4);
  await owner.run('administer', async () => {
    if (roll === 0) {
      await revoke(owner.replica, owner.link, [target]);
      member[index] = false;
      world.trace.push(`${machine.name} is revoked`);
    } else if (roll === 1) {
      await changeRole(owner.replica, owner.link, target, random.chance(0.5) ? 'reader' : 'writer');
    } else if (roll === 2) await revoke(owner.replica, owner.link, []);
  });
}

async function invite(world: World, machine: SimMachine): Promise<void> {
  const [owner] = world.machines as [SimMachine];
  await owner.run('invite', async () => {
    await addMember(owner.replica, owner.link, {
      machine: machine.replica.machine,
      recipient: machine.deps.machine.recipient,
      role: 'writer',
      account: null,
      name: machine.name,
    });
    world.member[world.machines.indexOf(machine)] = true;
    // The invitation says where the home is.
    machine.home = owner.home;
    world.trace.push(`${machine.name} is a member`);
  });
}

/** Someone settles an open conflict: takes a sibling, or leaves what stands. */
async function resolve({ random, trace }: World, { replica, name, witness }: SimMachine): Promise<void> {
  const open = await replica.siblings();
  const sibling = open[random.below(Math.max(1, open.length))];
  if (sibling === undefined) return;
  const { item } = sibling;
  const takes = random.chance(0.5);
  trace.push(`${name}: ${item.name} is settled: ${takes ? 'the sibling' : 'what stands'}`);
  await replica.exclusive(async () => {
    const held = (await replica.visible([item])).values().next().value?.content ?? null;
    const [left, right] = await Promise.all([held, sibling.content].map((content) => wordsHeld(replica, content)));
    for (const word of (takes ? left : right) ?? [])
      if (!(takes ? right : left)?.includes(word)) witness.removed.add(placed(item.name, word));
    const wishes = takes ? [{ item, base: held, ours: sibling.content, history: [] }] : [];
    const settled = { keeps: [], resolves: [{ type: 'resolve' as const, item, base: null, needs: [], siblings: [sibling.sibling] }] };
    await replica.draft(wishes, { message: '', writer: 'resolve' }, replica.newCommitId(), undefined, settled);
  });
}

async function wordsHeld(replica: Replica, content: Content | null): Promise<string[]> {
  return content === null ? [] : wordsIn(await replica.bodies.read(content));
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

export async function expectEmptyCapture(world: World, machine: SimMachine): Promise<void> {
  const before = machine.replica.drafts.length;
  const report = await machine.source.scan();
  if (report.changes > 0 || machine.replica.drafts.length !== before) {
    world.trace.push(JSON.stringify(machine.replica.drafts.at(-1)?.changes));
    throw new Violation(`${machine.name}: a capture after an apply made ${report.changes} changes`);
  }
}

async function dropRoot({ random, trace }: World, machine: SimMachine): Promise<void> {
  if (!machine.disk.hasRoot()) machine.disk.restoreRoot();
  else if (random.chance(0.5)) machine.disk.dropRoot();
  trace.push(`${machine.name}: the root is ${machine.disk.hasRoot() ? 'there' : 'gone'}`);
}
