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
import type { Ask } from './tables/kept-queries.ts';
import { createTableScope, type TableScope } from './tables/scope.ts';
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

/** Transactions whose questions go to their connection at once: by way of Kysely they cost three times as much. */
export interface DirectTransactions {
  /** It is rolled back where `work` throws. */
  readonly transact: <T>(accessMode: AccessMode, work: (access: DirectAccess) => Promise<T>) => Promise<T>;
}

/** Of one transaction: both refuse what is asked after its end. */
export interface DirectAccess {
  readonly ask: Ask;
  /** For what is built anew each time. */
  readonly db: () => Kysely<StoreSchema>;
}

export interface SqlStoreOptions {
  /** Opening a transaction inside another one throws, where it would wait for ever: for tests. Default: true. */
  readonly checksNesting?: boolean;
  /** Other processes write to it as well: writes are not counted then. */
  readonly isShared?: boolean;
  /** Runs a transaction: where it is to be run again, or its failure to be explained. */
  readonly around?: <T>(run: () => Promise<T>) => Promise<T>;
  /** What a writing transaction gets for its tables. */
  readonly guard?: (tx: StoreTransaction, access: DirectAccess) => StoreTransaction;
  /** Queries that were compiled, by their names: for stores of one dialect, so that each of them is compiled once. */
  readonly queries?: Map<string, CompiledQuery>;
}

type AccessMode = 'read only' | 'read write';

/** What a transaction leaves behind. */
interface Traces {
  /** Given by it, so that nobody uses them before they are committed. */
  readonly given: Map<SpaceId, number>;
  readonly written: Set<StorePart>;
}

/**
 * The store over any database that Kysely speaks to. Transactions must run one after the other, or `guard` must see to it that
 * those do which meet. `db` is closed with it.
 */
export function createSqlStore(
  db: Kysely<StoreSchema>,
  direct: DirectTransactions,
  dialect: StoreDialect,
  { checksNesting = true, isShared = false, around = (run) => run(), guard = (tx) => tx, queries = new Map() }: SqlStoreOptions = {},
): Store {
  const spaceNumbers = new Map<SpaceId, number>();
  let writes = 0;
  const writesTo = new Map<StorePart, number>();

  function tablesOn(asked: () => Kysely<StoreSchema>, { given, written }: Traces, ask: Ask): StoreTransaction {
    const known = {
      get: (space: SpaceId) => given.get(space) ?? spaceNumbers.get(space),
      set: (space: SpaceId, number: number) => given.set(space, number),
    };
    return tablesOf(createTableScope(asked, dialect, { known, queries, ask }, (part) => written.add(part)));
  }

  function inTransaction<T>(accessMode: AccessMode, traces: Traces, run: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    return direct.transact(accessMode, (access) => {
      const tables = tablesOn(access.db, traces, access.ask);
      return run(accessMode === 'read write' ? guard(tables, access) : tables);
    });
  }

  async function transact<T>(accessMode: AccessMode, work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    if (checksNesting && isInside(db)) throw new Error('a transaction was opened inside another one of the same store');
    const written = new Set<StorePart>();
    return around(() => transactOnce(accessMode, work, written));
  }

  async function transactOnce<T>(accessMode: AccessMode, work: (tx: StoreTransaction) => Promise<T>, written: Set<StorePart>): Promise<T> {
    const given = new Map<SpaceId, number>();
    const state: Inside | null = checksNesting ? { store: db, outer: inside.getStore(), open: true } : null;
    try {
      const result = await inTransaction(accessMode, { given, written }, (tx) =>
        state === null ? work(tx) : inside.run(state, () => work(tx)),
      );
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

/** Each is made when it is first asked for: most transactions need one or two. */
function tablesOf(scope: TableScope): StoreTransaction {
  const made: { -readonly [K in keyof StoreTransaction]?: StoreTransaction[K] } = {};
  return {
    get logs() {
      return (made.logs ??= createLogTable(scope));
    },
    get items() {
      return (made.items ??= createItemTable(scope));
    },
    get drafts() {
      return (made.drafts ??= createDraftTable(scope));
    },
    get views() {
      return (made.views ??= createViewTable(scope));
    },
    get documents() {
      return (made.documents ??= createDocumentTable(scope));
    },
    get feeds() {
      return (made.feeds ??= createFeedTable(scope));
    },
  };
}
