import type { SpaceId } from '../../core/ids.ts';
import type { Store } from '../../core/ports/store.ts';
import { counted } from '../counted.ts';
import type { NodeHome } from '../home.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { isBridgedHere } from './connection.ts';
import { IMPORTED } from './local-worker.ts';
import { PERSONAL_USER } from './personal-user.ts';
import { takeWholeLook } from './whole-look.ts';

/** By space: its source carried all rows last, so that its views say what stood in the database until a worker took over. */
const CARRIED = 'claude-mem-carried';

/** By space: since which connection of its worker the database was looked at. */
const LOOKED = 'claude-mem-looked';

/**
 * What became of rows in claude-mem's database after its worker was connected to this node, and before that first ran: neither the source, which
 * carries sessions alone by then, nor the worker tells anybody that they were deleted, or that one was edited that another device made. The source's
 * views know what stood there.
 */
export interface LastLook {
  /** Where the source carries all rows: notes durably that it did. Does not throw: without the note, what is gone comes again. */
  readonly note: () => Promise<void>;
  /**
   * Once for each `connection` of the worker: captures what stands there, and what is gone, as the source itself would have, masses of deletions
   * excepted. Those come again from the space. Throws where the database cannot be read; safe to repeat. O(rows).
   */
  readonly take: (connection: string) => Promise<void>;
  /** Whether that was done, or there is nothing to look at. */
  readonly isTaken: (connection: string) => Promise<boolean>;
}

/** Whether what is gone from the database is still to be told of by {@link LastLook.take}, sessions and their rows at once. */
export async function areAbsencesDue(store: Store, home: NodeHome, space: SpaceId): Promise<boolean> {
  const carried = await store.read((tx) => tx.documents.get<boolean>(CARRIED, space));
  return carried === true && (await isBridgedHere(home));
}

/** Whether what went from the database before the worker came by this `connection` was told of: what is missing since, its feed does not know to be deleted. */
export async function isLookTaken(store: Store, space: SpaceId, connection: string): Promise<boolean> {
  return (await store.read((tx) => tx.documents.get<string>(LOOKED, space))) === connection;
}

type NodeParts = Pick<SatchelNode, 'store' | 'deps' | 'log' | 'home' | 'memRows'>;

export function createLastLook(node: NodeParts, open: OpenSpace): LastLook {
  const { store, log, home } = node;
  const { rows } = open;
  const { space } = open.entry;
  const left = rows.map(({ definition }) => definition).filter(({ sessionsOnly }) => sessionsOnly);
  const isTaken = async (connection: string): Promise<boolean> =>
    left.length === 0 || (await store.read((tx) => tx.documents.get<string>(LOOKED, space))) === connection;
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

    isTaken,

    async take(connection) {
      if (await isTaken(connection)) return;
      const looked = await store.read((tx) => tx.documents.get<string>(LOOKED, space));
      // Of a connection from before such looks were noted, the views may tell what was long ago.
      if (looked !== null || (await areAbsencesDue(store, home, space))) {
        const held = await takeWholeLook(node, open);
        if (held > 0) log.warn(`${counted(held, 'row')} of claude-mem’s went at once before its worker took over: they come again`);
      }
      await store.write(async (tx) => {
        await tx.documents.put(LOOKED, space, connection);
        await tx.documents.remove(CARRIED, space);
      });
    },
  };
}
