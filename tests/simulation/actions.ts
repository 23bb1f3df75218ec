import { beginWithCheckpoint } from '../../src/core/replica/late-join.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { RemoteError } from '../../src/core/ports/remote.ts';
import type { Divergence } from '../../src/core/replica/chain.ts';
import type { SimMachine } from './machine.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

export async function act(machine: SimMachine, name: string, work: () => Promise<unknown>): Promise<void> {
  if (machine.hasLog || name === 'sync' || name === 'pull') await machine.run(name, work);
}

export async function scan(machine: SimMachine): Promise<number> {
  const first = await machine.source.scan();
  // As a node does: what could not be taken as it was found is looked at once more.
  const report = first.changing.length === 0 ? first : await machine.source.scan(first.changing);
  if (report.state.type === 'mass-deletion' || report.state.type === 'root-missing') {
    if (!machine.disk.hasRoot()) return report.changes;
    const answer = machine.clock.now() % 2 === 0 ? 'delete' : 'restore';
    if (answer === 'delete') await machine.noteShownAsRemoved(report.state.names);
    return report.changes + (await machine.source.answerDeletions(answer)).changes;
  }
  return report.changes + (report === first ? 0 : first.changes);
}

export async function apply(machine: SimMachine): Promise<number> {
  const { written, removed, notHere } = await machine.source.apply();
  return written + removed + notHere.length;
}

export async function sync(machine: SimMachine): Promise<number> {
  // What was sent to an old home would be lost there: a node looks before it sends.
  await machine.followHome();
  if (machine.takesCheckpoints && !machine.hasLog) await beginWithCheckpoint(machine.replica, machine.link);
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

export async function deliverLate({ mail, random, trace }: World, most = 3): Promise<void> {
  for (let left = most; left > 0 && mail.late.length > 0; left -= 1) {
    const [run] = mail.late.splice(random.below(mail.late.length), 1);
    trace.push('a late request arrives');
    // Of a request with several steps one may be lost.
    await run?.().catch(unlessUnreachable);
  }
}

function unlessUnreachable(error: unknown): void {
  if (!(error instanceof RemoteError && error.type === 'unreachable')) throw error;
}

export async function expectEmptyCapture(world: World, machine: SimMachine): Promise<void> {
  const before = machine.replica.drafts.length;
  const report = await machine.source.scan();
  if (report.changes > 0 || machine.replica.drafts.length !== before) {
    world.trace.push(JSON.stringify(machine.replica.drafts.at(-1)?.changes));
    throw new Violation(`${machine.name}: a capture after an apply made ${report.changes} changes`);
  }
}
