import type { SatchelNode } from '../node/node.ts';
import type { CommandContext } from './frame-command.ts';
import { createNodeNews, type NodeState } from './node-news.ts';
import { printable } from './output-style.ts';
import { shownTime } from './shown-time.ts';

/** Milliseconds. A look at the positions of the logs, which are in memory. */
const LOOK_EVERY = 5_000;
/** What waits may also be something that this machine did, and that is in no log: looked for now and then. */
const LOOKS_UNTIL_ALL = 60;

/** Prints on the terminal of a running node what is new there, until the signal. Never rejects. */
export async function watchNews({ print, clock, signal }: CommandContext, node: SatchelNode): Promise<void> {
  try {
    let state = await stateOf(node);
    const tell = createNodeNews(state);
    let seen = positions(node);
    for (let looks = 1; ; looks += 1) {
      await clock.sleep(LOOK_EVERY, signal);
      if (signal.aborted) return;
      const now = positions(node);
      if (now !== seen || looks % LOOKS_UNTIL_ALL === 0) state = await stateOf(node);
      seen = now;
      for (const line of tell(state, clock.now())) print(`${shownTime(new Date(clock.now()).toISOString(), clock.now())} ${line}`);
    }
  } catch (error) {
    if (!signal.aborted)
      node.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'what is new is not said any more');
  }
}

function positions({ spaces }: SatchelNode): string {
  return [...spaces.values()].map(({ entry, replica }) => `${entry.space} ${replica.position} ${replica.draftCount}`).join('\n');
}

async function stateOf(node: SatchelNode): Promise<NodeState> {
  const { countPending } = await import('../node/pending/count-pending.ts');
  const { presentMachines } = await import('../node/present-machines.ts');
  const { machineNames } = await import('../node/machine-names.ts');
  const { lacksKey } = await import('../node/missing-key.ts');
  // Meanwhile it would count for nothing, and for news when it is there again.
  await node.reopened();
  const spaces = [];
  let [conflicts, pending] = [0, 0];
  for (const open of node.spaces.values()) {
    if ((await open.replica.head()) === null || lacksKey(open)) continue;
    const names = await machineNames(node, open);
    const others = (await presentMachines(node, open)).filter((machine) => machine !== node.deps.machine.key.machine);
    const machines = new Map(others.map((machine) => [machine, printable(names.get(machine) ?? machine.slice(0, 8))]));
    spaces.push({ space: open.entry.space, name: printable(open.entry.name), machines });
    conflicts += (await open.replica.siblings()).length;
    pending += await countPending(node, open);
  }
  return { spaces, conflicts, pending };
}
