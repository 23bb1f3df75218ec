import type { SpaceId } from '../../core/ids.ts';
import type { Store } from '../../core/ports/store.ts';
import type { HandedOver } from '../../gateways/claude-mem/handed-over.ts';
import type { RowKind } from '../../gateways/claude-mem/payload.ts';
import { memItem } from '../../gateways/claude-mem/rows-of-space.ts';
import { MEM_PREFIX } from '../../kinds/claude-mem/names.ts';
import type { MemTable } from '../../kinds/claude-mem/tables.ts';
import { placeOf } from '../../sources/sqlite-rows/row-index.ts';
import { ROWS_WRITER } from '../row-sources.ts';
import { localWorker, type LocalWorkerDeps } from './local-worker.ts';

const TABLE: Readonly<Record<RowKind, MemTable>> = { observation: 'observations', summary: 'summaries', prompt: 'prompts' };

/**
 * What the source of claude-mem's database carried of its rows until this machine's worker was connected to this very node as `user`: its
 * views, which nobody writes while the worker is connected. Gives `null` where no such worker has run yet. Cost: what is asked for; of
 * numbers that the source knew, O(views of the table) once for each answer.
 */
export function createHandedOver(deps: LocalWorkerDeps, space: SpaceId, user: string): () => Promise<HandedOver | null> {
  /** The highest number that the source knew: all rows behind it are the worker's own. */
  const last = new Map<RowKind, number>();
  let connection = '';

  return async () => {
    const worker = await localWorker(deps);
    if (worker === null || worker.device === null || worker.user !== user) return null;
    // Before each one's first word the source looks once more.
    if (worker.connection !== connection) last.clear();
    connection = worker.connection;
    const places = new Map<RowKind, ReadonlyMap<string, string>>();
    return {
      device: worker.device,

      async nameAt(kind, local) {
        if (Number(local) > (last.get(kind) ?? Number.POSITIVE_INFINITY)) return null;
        const known = places.get(kind) ?? (await placesOf(kind));
        places.set(kind, known);
        return known.get(local) ?? null;
      },

      async sessions() {
        const views = await deps.store.read((tx) => tx.views.list(space, ROWS_WRITER, [`${MEM_PREFIX}sessions`]));
        return new Map(views.flatMap(({ item, shown }) => (shown === null ? [] : [[item.name, shown] as const])));
      },

      async shown(names) {
        const views = await deps.store.read((tx) => tx.views.get(space, ROWS_WRITER, names.map(memItem)));
        // Of no table that the source has now, they are not here to it; what they were shown as stays.
        const here = [...views.values()].filter(({ shown }) => shown !== null);
        return new Map(
          here.map(({ item, shown, intended }) => [item.name, [shown, intended?.content ?? null].filter((content) => content !== null)]),
        );
      },
    };
  };

  async function placesOf(kind: RowKind): Promise<ReadonlyMap<string, string>> {
    const places = await itemsByNumber(deps.store, space, kind);
    let highest = 0;
    for (const number of places.keys()) highest = Math.max(highest, Number(number));
    last.set(kind, highest);
    return places;
  }
}

/** Which item each row of a table of claude-mem's database is, by its number there, as its source knew it last. O(views of the table). */
export async function itemsByNumber(store: Store, space: SpaceId, kind: RowKind): Promise<ReadonlyMap<string, string>> {
  const views = await store.read((tx) => tx.views.list(space, ROWS_WRITER, [MEM_PREFIX + TABLE[kind]]));
  const places = new Map<string, string>();
  for (const view of views) {
    const rowid = placeOf(view, TABLE[kind])?.rowid ?? null;
    if (rowid !== null) places.set(String(rowid), view.item.name);
  }
  return places;
}
