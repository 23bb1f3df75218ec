import { AsyncLocalStorage } from 'node:async_hooks';
import type { CompiledQuery, Kysely } from 'kysely';
import type { SpaceId } from '../core/ids.ts';
import type { Store, StorePart, StoreTransaction } from '../core/ports/store.ts';
import type { StoreDialect } from './dialect.ts';
import type { StoreSchema } from './schema.ts';
import { createDocumentTable } from './tables/documents.ts';
import { createDraftTable } from './tables/drafts.ts';
import { createFeedTable } from './tables/feeds.ts';
import { createItemTable } from './tables/items.ts';
import { createLogTable } from './tables/log.ts';
import { createTableScope } from './tables/scope.ts';
import { createViewTable } from './tables/views.ts';

/** The transactions that the running code is inside of, innermost first, whatever stores they are of. */
interface Inside {
  readonly store: object;
  readonly outer: Inside | undefined;
  open: boolean;
}

/**
 * One for all stores: on Node 20 and 22 the first use makes each promise of the process take two to three times as long,
 * so that the program does without (see {@link SqlStoreOptions}).
 */
const inside = new AsyncLocalStorage<Inside>();

function isInside(store: object): boolean {
  for (let at = inside.getStore(); at !== undefined; at = at.outer) if (at.open && at.store === store) return true;
  return false;
}

export interface SqlStoreOptions {
  /** Opening a transaction inside another one throws, where it would wait for ever: for tests. Default: true. */
  readonly checksNesting?: boolean;
}

/**
 * The store over any database that Kysely speaks to. `db` must give out one connection at a time, so that transactions
 * run one after the other.
 */
export function createSqlStore(db: Kysely<StoreSchema>, dialect: StoreDialect, { checksNesting = true }: SqlStoreOptions = {}): Store {
  const spaceNumbers = new Map<SpaceId, number>();
  const queries = new Map<string, CompiledQuery>();
  let writes = 0;
  const writesTo = new Map<StorePart, number>();

  async function transact<T>(accessMode: 'read only' | 'read write', work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    if (checksNesting && isInside(db)) throw new Error('a transaction was opened inside another one of the same store');
    const written = new Set<StorePart>();
    const state: Inside | null = checksNesting ? { store: db, outer: inside.getStore(), open: true } : null;
    try {
      return await db
        .transaction()
        .setAccessMode(accessMode)
        .execute((trx) => {
          const scope = createTableScope(trx, dialect, spaceNumbers, queries, (part) => written.add(part));
          const tables = {
            logs: createLogTable(scope),
            items: createItemTable(scope),
            drafts: createDraftTable(scope),
            views: createViewTable(scope),
            documents: createDocumentTable(scope),
            feeds: createFeedTable(scope),
          };
          return state === null ? work(tables) : inside.run(state, () => work(tables));
        });
    } catch (error) {
      spaceNumbers.clear(); // some may have been given by what was rolled back
      throw error;
    } finally {
      if (state !== null) state.open = false;
      if (accessMode === 'read write') writes += 1;
      for (const part of written) writesTo.set(part, (writesTo.get(part) ?? 0) + 1);
    }
  }

  return {
    read: (work) => transact('read only', work),
    write: (work) => transact('read write', work),
    writes: (part) => (part === undefined ? writes : (writesTo.get(part) ?? 0)),
    close: () => db.destroy(),
  };
}
