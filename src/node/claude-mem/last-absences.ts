import type { SpaceId } from '../../core/ids.ts';
import type { Store } from '../../core/ports/store.ts';
import { onlyAbsences } from '../../sources/sqlite-rows/absence-workspaces.ts';
import { counted } from '../counted.ts';
import type { NodeHome } from '../home.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { createRowSource } from '../row-sources.ts';
import { isBridgedHere } from './connection.ts';
import { IMPORTED } from './local-worker.ts';
import { PERSONAL_USER } from './personal-user.ts';

/** By space: its source carried all rows last, so that its views say what stood in the database until a worker took over. */
const CARRIED = 'claude-mem-carried';

/**
 * Rows that were deleted in claude-mem's database after its worker was connected to this node, and before that first ran: neither the source,
 * which carries sessions alone by then, nor the worker tells anybody. The source's views know what stood there.
 */
export interface LastAbsences {
  /** Where the source carries all rows: notes durably that it did. Does not throw: without the note, what is gone comes again. */
  readonly note: () => Promise<void>;
  /**
   * Once after a worker took over from the source: captures that rows are gone, as the source itself would have, masses of them excepted. Those
   * come again from the space. Throws where the database cannot be read; safe to repeat. O(rows).
   */
  readonly take: () => Promise<void>;
}

/** Whether what is gone from the database is still to be told of by {@link LastAbsences.take}, sessions and their rows at once. */
export async function areAbsencesDue(store: Store, home: NodeHome, space: SpaceId): Promise<boolean> {
  const carried = await store.read((tx) => tx.documents.get<boolean>(CARRIED, space));
  return carried === true && (await isBridgedHere(home));
}

type NodeParts = Pick<SatchelNode, 'store' | 'deps' | 'log' | 'home' | 'memRows'>;

export function createLastAbsences(node: NodeParts, { entry, replica, rows, rowNames }: OpenSpace): LastAbsences {
  const { store, deps, log, home, memRows } = node;
  const { space } = entry;
  const left = rows.map(({ definition }) => definition).filter(({ sessionsOnly }) => sessionsOnly);
  return {
    async note() {
      if (rows.length === 0 || left.length > 0) return;
      try {
        const isNoted = (await store.read((tx) => tx.documents.get<boolean>(CARRIED, space))) === true;
        if (isNoted) return;
        await store.write(async (tx) => {
          await tx.documents.put(CARRIED, space, true);
          // Of what is made from now on a worker that is connected again pushes nothing.
          await tx.documents.remove(IMPORTED, PERSONAL_USER);
        });
      } catch (error) {
        log.warn({ error: String(error) }, 'that all of claude-mem’s rows are carried could not be noted: what goes next may come again');
      }
    },

    async take() {
      if (left.length === 0 || !(await areAbsencesDue(store, home, space))) return;
      for (const definition of left) {
        const scope = memRows.scopeFor(entry.name, rowNames);
        const { clock, random } = deps;
        const whole = { ...definition, sessionsOnly: false };
        const looking = createRowSource(whole, replica, { clock, random, log, scope, turns: memRows.turns, through: onlyAbsences });
        try {
          const { state } = await looking.source.scan();
          if (looking.health.problem !== null) throw new Error(`claude-mem’s database could not be read: ${looking.health.problem}`);
          const names =
            state.type === 'older-state' ? state.gone : state.type === 'mass-deletion' || state.type === 'root-missing' ? state.names : [];
          if (names.length > 0)
            log.warn(`${counted(names.length, 'row')} of claude-mem’s went at once before its worker took over: they come again`);
        } finally {
          await looking.close();
        }
      }
      await store.write((tx) => tx.documents.remove(CARRIED, space));
    },
  };
}
