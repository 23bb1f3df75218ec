import { acquireLease, releaseLease, renewLease, type Lease } from '../../src/core/lease.ts';
import type { SimMachine } from './machine.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

const NAME = 'job';

/** Two workers of a machine take a lease, keep it and give it up, while clocks jump and processes die. */
export async function lease({ random, trace }: World, machine: SimMachine): Promise<void> {
  const holder = random.chance(0.5) ? 'one' : 'two';
  const lifetime = 1 + random.below(100_000);
  const roll = random.below(4);
  await machine.run('lease', async () => {
    const outcome = await machine.deps.store.write(async ({ documents }) => {
      const now = machine.clock.now();
      if (roll === 0) return releaseLease(documents, NAME, now, machine.leases.get(holder)?.generation ?? 0);
      const held = machine.leases.get(holder);
      if (roll === 1 && held !== undefined) return renewLease(documents, held, lifetime, now);
      return acquireLease(documents, { name: NAME, holder, lifetime }, now);
    });
    if (typeof outcome === 'boolean') machine.leases.delete(holder);
    else if (outcome.ok) {
      expectNewest(machine, outcome.value);
      machine.leases.set(holder, outcome.value);
    } else if (outcome.error.type === 'lost') machine.leases.delete(holder);
    else if (outcome.error.by.holder === holder) throw new Violation(`${machine.name}: ${holder} is kept out by itself`);
    trace.push(`${machine.name}: ${holder} ${['gives up', 'renews', 'takes', 'takes'][roll]} the lease`);
  });
}

/** Whoever holds it holds the newest generation: an older one was lost, or is the holder's own. */
function expectNewest({ leases, name }: SimMachine, taken: Lease): void {
  for (const [holder, { generation }] of leases) {
    if (generation < taken.generation || (generation === taken.generation && holder === taken.holder)) continue;
    throw new Violation(`${name}: ${taken.holder} has generation ${taken.generation} of a lease, and ${holder} ${generation}`);
  }
}
