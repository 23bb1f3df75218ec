import { addMember, changeRole, revoke } from '../../src/core/replica/administer.ts';
import { moveHome, reviveHome } from '../../src/core/replica/move-home.ts';
import type { Role } from '../../src/core/log/control.ts';
import { checkpoint } from './keeping.ts';
import { isHostile, keeps } from './families.ts';
import type { SimMachine } from './machine.ts';
import type { Link } from './network.ts';
import type { World } from './world.ts';

/** So many records a backup lacks, or all but the first: the home is gone. */
const GONE = 7;

/** The owner moves the home remote; or it is restored from a backup, which the owner notices sooner or later. */
export async function changeHome(world: World): Promise<void> {
  const { random, machines, places, trace } = world;
  const [owner] = machines as [SimMachine];
  if (world.moving !== null || world.restored) return settleHome(world);
  if (random.chance(0.5)) {
    world.moving = { from: owner.home, to: await world.addPlace() };
    trace.push(`the home moves to ${world.moving.to}`);
  } else {
    const head = await places.get(owner.home)?.remote.head(world.space);
    const back = random.below(GONE + 1);
    const position = back === GONE ? 0 : Math.max(0, (head?.position ?? 0) - back);
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

/** Most machines are there from the start; the others come late. */
export async function gather(world: World): Promise<void> {
  while (world.machines.length < world.character.machines && world.random.chance(0.7)) await invite(world, await world.addMachine());
}

/** An owner lists a machine, takes it off, or changes its role. */
export async function administer(world: World, machine: SimMachine): Promise<void> {
  const { random, machines, member, roles, character } = world;
  const [owner] = machines as [SimMachine];
  if (machines.length < character.machines) return invite(world, await world.addMachine());
  const index = machines.indexOf(machine);
  if (index === 0) return;
  // Where machines are hostile, it is of interest what they do once they are no members.
  if (member[index] !== true) return isHostile(character.family) && random.chance(0.6) ? undefined : invite(world, machine);
  const target = machine.replica.machine;
  const roll = random.below(4);
  await owner.run('administer', async () => {
    if (roll === 0) {
      await revoke(owner.replica, owner.link, [target]);
      sameMachine(world, machine, (at) => (member[at] = false));
      world.trace.push(`${machine.name} is revoked`);
    } else if (roll === 1) {
      const role = (['reader', 'reader', 'writer', 'owner'] as const)[random.below(4)] as Role;
      await changeRole(owner.replica, owner.link, target, role);
      sameMachine(world, machine, (at) => (roles[at] = role));
      world.trace.push(`${machine.name} is made ${role}`);
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
    sameMachine(world, machine, (at) => ([world.member[at], world.roles[at]] = [true, 'writer']));
    // The invitation says where the home is.
    machine.home = owner.home;
    world.trace.push(`${machine.name} is a member`);
  });
  if (keeps(world.character.family) && world.random.chance(0.7)) await checkpoint(world, owner);
}

/** A copy of a machine is the same to all others. */
function sameMachine({ machines }: World, { replica }: SimMachine, note: (index: number) => void): void {
  for (const [index, other] of machines.entries()) if (other.replica.machine === replica.machine) note(index);
}
