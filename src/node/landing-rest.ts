import type { Clock } from '../core/ports/clock.ts';
import type { Remote } from '../core/ports/remote.ts';
import type { Replica } from '../core/replica/replica.ts';

/** Landing takes a fourth of the time at most where it never ends, and nobody waits for it longer than that: milliseconds. */
const REST_SHARE = 3;
const LONGEST_REST = 60;

/**
 * After drafts landed in the node's own store, and were put in place: where more come all the while, many then land for what a few cost, and
 * the process is there for those who write. What is drafted is as safe there as what landed; others read it so much later at most.
 * `took`: what the last sync did, milliseconds; a clock that was set back says nothing.
 */
export async function restAfterLanding(
  { replica, clock, stopped }: { readonly replica: Replica; readonly clock: Clock; readonly stopped: AbortSignal },
  remote: Remote | null,
  took: number,
): Promise<void> {
  const isKeptHere = remote?.objects !== undefined && remote.objects === replica.deps.objects;
  const rest = Math.min(LONGEST_REST, took * REST_SHARE);
  if (isKeptHere && rest > 0) await clock.sleep(rest, stopped);
}
