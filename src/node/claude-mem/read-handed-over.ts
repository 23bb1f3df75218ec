import type { SpaceId } from '../../core/ids.ts';
import type { HandedOver } from '../../gateways/claude-mem/handed-over.ts';
import { memItem } from '../../gateways/claude-mem/rows-of-space.ts';
import { ROWS_WRITER } from '../row-sources.ts';
import { localWorker, type LocalWorkerDeps } from './local-worker.ts';

/**
 * What the source of claude-mem's database carried of its rows until this machine's worker was connected to this very node as `user`: its
 * views, which nobody writes while the worker is connected. `null` where no such worker has run yet.
 */
export async function readHandedOver(deps: LocalWorkerDeps, space: SpaceId, user: string): Promise<HandedOver | null> {
  const worker = await localWorker(deps);
  if (worker === null || worker.device === null || worker.user !== user) return null;
  return {
    device: worker.device,
    async shown(names) {
      const views = await deps.store.read((tx) => tx.views.get(space, ROWS_WRITER, names.map(memItem)));
      // Of no table that the source has now, they are not here to it; what they were shown as stays.
      const here = [...views.values()].filter(({ shown }) => shown !== null);
      return new Map(
        here.map(({ item, shown, intended }) => [item.name, [shown, intended?.content ?? null].filter((content) => content !== null)]),
      );
    },
  };
}
