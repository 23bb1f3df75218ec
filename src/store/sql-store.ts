import { AsyncLocalStorage } from 'node:async_hooks';
import type { CompiledQuery, Kysely, Transaction } from 'kysely';
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
  /** Other processes write to it as well: writes are not counted then. */
  readonly isShared?: boolean;
  /** Runs a transaction: where it is to be run again, or its failure to be explained. */
  readonly around?: <T>(run: () => Promise<T>) => Promise<T>;
  /** What a writing transaction gets for its tables. */
  readonly guard?: (tx: StoreTransaction, trx: Transaction<StoreSchema>) => StoreTransaction;
}

/**
 * The store over any database that Kysely speaks to. `db` must give out one connection at a time, so that transactions
 * run one after the other, or `guard` must see to it that those do which meet.
 */
export function createSqlStore(
  db: Kysely<StoreSchema>,
  dialect: StoreDialect,
  { checksNesting = true, isShared = false, around = (run) => run(), guard = (tx) => tx }: SqlStoreOptions = {},
): Store {
  const spaceNumbers = new Map<SpaceId, number>();
  const queries = new Map<string, CompiledQuery>();
  let writes = 0;
  const writesTo = new Map<StorePart, number>();

  async function transact<T>(accessMode: 'read only' | 'read write', work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    if (checksNesting && isInside(db)) throw new Error('a transaction was opened inside another one of the same store');
    const written = new Set<StorePart>();
    return around(() => transactOnce(accessMode, work, written));
  }

  async function transactOnce<T>(
    accessMode: 'read only' | 'read write',
    work: (tx: StoreTransaction) => Promise<T>,
    written: Set<StorePart>,
  ): Promise<T> {
    /** Given by this transaction, so that nobody uses them before they are committed. */
    const given = new Map<SpaceId, number>();
    const known = {
      get: (space: SpaceId) => given.get(space) ?? spaceNumbers.get(space),
      set: (space: SpaceId, number: number) => given.set(space, number),
    };
    const state: Inside | null = checksNesting ? { store: db, outer: inside.getStore(), open: true } : null;
    try {
      const result = await db
        .transaction()
        .setAccessMode(accessMode)
        .execute((trx) => {
          const scope = createTableScope(trx, dialect, known, queries, (part) => written.add(part));
          const tables = {
            logs: createLogTable(scope),
            items: createItemTable(scope),
            drafts: createDraftTable(scope),
            views: createViewTable(scope),
            documents: createDocumentTable(scope),
            feeds: createFeedTable(scope),
          };
          const tx = accessMode === 'read write' ? guard(tables, trx) : tables;
          return state === null ? work(tx) : inside.run(state, () => work(tx));
        });
      for (const [space, number] of given) spaceNumbers.set(space, number);
      return result;
    } finally {
      if (state !== null) state.open = false;
      if (accessMode === 'read write') writes += 1;
      for (const part of written) writesTo.set(part, (writesTo.get(part) ?? 0) + 1);
    }
  }

  return {
    read: (work) => transact('read only', work),
    write: (work) => transact('read write', work),
    ...(isShared ? {} : { writes: (part) => (part === undefined ? writes : (writesTo.get(part) ?? 0)) }),
    close: () => db.destroy(),
  };
}
