import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOf } from '../process-figures.ts';
import type { SatchelMachine } from './satchel-machine.ts';

/** A node looks for secrets in what came first of all when nothing came for a minute, with a fifth of a core for some minutes. */
const FIRST_LOOK_MS = 75_000;
/** As long as it takes to give back what it had for that. */
const CALM = { ms: 15_000, cpuSeconds: 0.05, latestMs: 900_000 };

/** Resolves when the nodes are through with all that they have to do once, and have rested. Where nobody counts CPU time, after a while. */
export async function untilCalm(machines: readonly SatchelMachine[]): Promise<void> {
  const latest = performance.now() + CALM.latestMs;
  const pids = machines.map(({ pid }) => pid);
  await sleep(FIRST_LOOK_MS);
  for (;;) {
    const before = await cpuSecondsOf(pids);
    await sleep(CALM.ms);
    const after = await cpuSecondsOf(pids);
    if (before === null || after === null || after - before <= CALM.cpuSeconds) return;
    if (performance.now() > latest) throw new Error(`the nodes do not come to rest within ${CALM.latestMs / 60_000} minutes`);
  }
}
