import type { SpaceId } from '../../core/ids.ts';
import type { Head } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Oid } from './git-object.ts';

export interface GitWatchDeps {
  readonly clock: Clock;
  /** Milliseconds between looks. */
  readonly pollEvery: number;
  /** Where the spaces' branches stand: one connection for all of them. */
  readonly tips: () => Promise<ReadonlyMap<SpaceId, Oid>>;
  readonly headOf: (space: SpaceId) => Promise<Head | null>;
  /** Aborts when the remote is closed: the next look then fails. */
  readonly closed: AbortSignal;
}

/** Where nothing moved for so many looks, they become rarer, up to so much. */
const CALM = { looks: 40, factor: 4 };

/** Asks the host every `pollEvery` ms where the branches stand, every fourth time of that where nothing moved for long, until `signal` aborts. */
export async function watchBranches(
  spaces: readonly SpaceId[],
  onHead: (space: SpaceId, head: Head | null) => void,
  signal: AbortSignal,
  { clock, pollEvery, tips, headOf, closed }: GitWatchDeps,
): Promise<void> {
  const seen = new Map<SpaceId, Oid | null>();
  let calm = 0;
  while (!signal.aborted) {
    const now = await tips();
    if (signal.aborted) return;
    calm += 1;
    for (const space of new Set(spaces)) {
      const tip = now.get(space) ?? null;
      if (seen.get(space) === tip) continue;
      const head = tip === null ? null : await headOf(space);
      if (signal.aborted) return;
      seen.set(space, tip);
      calm = 0;
      onHead(space, head);
    }
    await clock.sleep(calm > CALM.looks ? pollEvery * CALM.factor : pollEvery, AbortSignal.any([signal, closed]));
  }
}
