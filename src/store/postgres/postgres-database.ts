import { CompiledQuery, Kysely, type Transaction } from 'kysely';
import type { Clock } from '../../core/ports/clock.ts';
import type { ObjectStore } from '../../core/ports/objects.ts';
import type { Random } from '../../core/ports/random.ts';
import { StoreUnavailable, type Store, type StoreTransaction } from '../../core/ports/store.ts';
import type { TextIndexPlace } from '../../core/ports/text-index.ts';
import { createDirectTransactions } from '../direct-transactions.ts';
import { feedMigration } from '../feed-migration.ts';
import { firstMigration } from '../first-migration.ts';
import { historyMigration } from '../history-migration.ts';
import { saidMigration } from '../said-migration.ts';
import { migrate } from '../migrations.ts';
import type { StoreSchema } from '../schema.ts';
import { createSqlStore, type DirectAccess, type SqlStoreOptions } from '../sql-store.ts';
import { StoreUnusable } from '../store-unusable.ts';
import { explainFailure, READS_ONLY } from './failures.ts';
import { createHangWatch, type HangHearing } from './hang-watch.ts';
import { createAppendNotices, type AppendNotices } from './append-notices.ts';
import { holdParts, lockNumber } from './hold-parts.ts';
import { LOCK_CLASS } from './lock-class.ts';
import { indexMigration } from './index-migration.ts';
import { createIndexPlace } from './index-place.ts';
import { objectMigration, type ObjectSchema } from './object-migration.ts';
import { postgresDialect } from './postgres-dialect.ts';
import { createPostgresDriver, createPostgresKysely, postgresKysely } from './postgres-driver.ts';
import { createPostgresObjects } from './postgres-objects.ts';
import { describePostgres, type PostgresOptions } from './postgres-options.ts';
import { createPostgresPool } from './postgres-pool.ts';
import { ownNames, refuseForeignTables } from './own-tables.ts';
import { rowSecurity } from './row-security.ts';
import { runAgain } from './run-again.ts';
import { quoted } from './transaction-settings.ts';

const MIGRATIONS = [firstMigration, feedMigration, objectMigration, indexMigration, historyMigration, saidMigration];
const OLDEST = 150_000;
/** Milliseconds: it reads the whole table. */
const VACUUM_TIMEOUT = 6 * 60 * 60_000;
const SIZE = `select sum(pg_total_relation_size(oid)) as size from pg_class where relkind = 'r' and relname not like 'index\\_%'
  and relnamespace = (select oid from pg_namespace where nspname = current_schema())`;
/** Of {@link PostgresOptions.connections}, which are the store's, so many go to objects. */
const OBJECTS_SHARE = 0.4;
/** Milliseconds. */
const REFUSED_RETRY = 10_000;
/** While somebody searches. */
const INDEX_CONNECTIONS = 2;

export interface PostgresDeps extends SqlStoreOptions, HangHearing {
  readonly clock: Clock;
  readonly random: Random;
}

/** What a node keeps in a PostgreSQL database, which others use at the same time. */
export interface PostgresDatabase {
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly notices: AppendNotices;
  /** Of words, for `search`. */
  readonly index: TextIndexPlace;
  /** As shown to people. */
  readonly address: string;
  /** Bytes of all tables and their indexes, objects included, the index of words not. */
  readonly size: () => Promise<number>;
}

/**
 * Opens a database, and makes its tables where they are missing. Throws `StoreUnusable` where something is to be done
 * first, `StoreUnavailable` where the database is not there now. Store and objects are closed each by itself.
 */
export async function openPostgres(options: PostgresOptions, deps: PostgresDeps): Promise<PostgresDatabase> {
  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw explainFailure(error, options);
    }
  };
  const around = <T>(work: () => Promise<T>): Promise<T> => explained(() => runAgain(work, deps)).catch(refusedSince);
  const watch = createHangWatch(options, deps);
  const storePool = createPostgresPool(options, watch);
  const driver = createPostgresDriver(storePool, options.schema);
  const db = new Kysely<StoreSchema>(postgresKysely(driver));
  try {
    await explained(() => prepare(db, options));
  } catch (error) {
    watch.close();
    await db.destroy();
    throw error;
  }
  /** How to ask inside of a writing transaction that runs. */
  const accesses = new WeakMap<StoreTransaction, DirectAccess>();
  const sqlStore = createSqlStore(db, createDirectTransactions(driver, postgresKysely(driver)), postgresDialect, {
    ...deps,
    isShared: true,
    around,
    guard(tx, access) {
      const held = holdParts(tx, async (part) => {
        await access.ask(CompiledQuery.raw(`select pg_advisory_xact_lock(${LOCK_CLASS}, ${lockNumber(part)})`));
      });
      accesses.set(held, access);
      return held;
    },
  });
  const objectConnections = Math.max(2, Math.round((options.connections ?? 10) * OBJECTS_SHARE));
  const objectPool = createPostgresPool({ ...options, connections: objectConnections }, watch);
  const objects = createPostgresObjects({
    db: createPostgresKysely<ObjectSchema>(objectPool, options.schema),
    within: (tx) => (accesses.get(tx)?.db() as Kysely<unknown> as Kysely<ObjectSchema> | undefined) ?? null,
    around,
    vacuum: () => explained(() => objectPool.runAlone(`vacuum ${quoted(options.schema)}.objects`, [], VACUUM_TIMEOUT)),
    // Kysely closes nothing that it did not use itself.
    closePool: () => objectPool.close(),
  });
  // By way of the store, which is open to the end: objects are closed at once where they are kept elsewhere.
  const run = (sql: string, values: readonly unknown[]): Promise<void> => storePool.runAlone(sql, values);
  const notices = createAppendNotices({ options, clock: deps.clock, random: deps.random, run });
  const index = createIndexPlace({
    connect: () => createPostgresKysely<unknown>(createPostgresPool({ ...options, connections: INDEX_CONNECTIONS }, watch), options.schema),
    around,
  });
  const size = (): Promise<number> =>
    around(() =>
      db
        .transaction()
        .setAccessMode('read only')
        .execute(async (tx) => {
          const { rows } = await tx.executeQuery<{ size: number | null }>(CompiledQuery.raw(SIZE));
          return rows[0]?.size ?? 0;
        }),
    );
  const store: Store = {
    ...sqlStore,
    async close() {
      // What is under way when the database begins to hang is not waited for here either.
      await sqlStore.close().finally(() => watch.close());
    },
  };
  return { store, objects, notices, index, address: describePostgres(options), size };
}

/** It let us in before: what refuses us since may end without our doing, and whoever asks comes again. */
function refusedSince(error: unknown): never {
  if (!(error instanceof StoreUnusable)) throw error;
  throw new StoreUnavailable('refused', error.message, { retryAfter: REFUSED_RETRY, cause: error });
}

/** What a database has already. */
export interface PostgresProbe {
  /** As shown to people. */
  readonly address: string;
  /** It logs in as a superuser, or as one who is under no row policies: they do not hold then. */
  readonly isUnbound: boolean;
  /** Whether there is any record of a log. */
  readonly hasLogs: boolean;
  /** Those that were asked for, in that order; `undefined` where there is none. */
  readonly documents: readonly unknown[];
}

/** Looks whether a database can be used, and changes nothing there. Throws as {@link openPostgres}. */
export async function probePostgres(
  options: PostgresOptions,
  wanted: readonly { readonly collection: string; readonly id: string }[] = [],
  hearing: HangHearing = {},
): Promise<PostgresProbe> {
  const watch = createHangWatch(options, hearing);
  const db = createPostgresKysely<StoreSchema>(createPostgresPool(options, watch), options.schema);
  try {
    return await db.transaction().execute(async (tx) => {
      if (await checkServer(tx, options)) await refuseForeignTables(tx, options, MIGRATIONS);
      const address = describePostgres(options);
      const { rows } = await tx.executeQuery<{ made: boolean; writes: boolean | null; unbound: boolean }>(
        CompiledQuery.raw(
          `select exists (select from pg_roles where rolname = current_user and (rolsuper or rolbypassrls)) as unbound,
             to_regclass('documents') is not null and to_regclass('log_records') is not null as made,
            has_table_privilege(to_regclass('documents'), 'insert') and has_table_privilege(to_regclass('documents'), 'update')
              and has_table_privilege(to_regclass('log_records'), 'insert') as writes`,
        ),
      );
      const isUnbound = rows[0]?.unbound === true;
      if (rows[0]?.made !== true) return { address, isUnbound, hasLogs: false, documents: wanted.map(() => undefined) };
      if (rows[0].writes !== true) {
        const statement = `grant select, insert, update, delete on all tables in schema ${quoted(options.schema)} to ${quoted(options.user)}`;
        throw new StoreUnusable(
          'refused',
          `${address}: "${options.user}" may not write there. Let the owner of the tables run: ${statement}`,
        );
      }
      const documents: unknown[] = [];
      for (const { collection, id } of wanted) {
        const found = await tx
          .selectFrom('documents')
          .select('value')
          .where('collection', '=', collection)
          .where('id', '=', id)
          .executeTakeFirst();
        documents.push(found === undefined ? undefined : (JSON.parse(found.value) as unknown));
      }
      const record = await tx.selectFrom('log_records').select('position').limit(1).executeTakeFirst();
      return { address, isUnbound, hasLogs: record !== undefined, documents };
    });
  } catch (error) {
    throw explainFailure(error, options);
  } finally {
    watch.close();
    await db.destroy();
  }
}

/** Safe when several processes begin at once. */
async function prepare(db: Kysely<StoreSchema>, options: PostgresOptions): Promise<void> {
  await db.transaction().execute(async (tx) => {
    if (await checkServer(tx, options)) return refuseForeignTables(tx, options, MIGRATIONS);
    for (const lock of postgresDialect.migrationLock) await tx.executeQuery(CompiledQuery.raw(lock));
    await tx.executeQuery(CompiledQuery.raw(`create schema if not exists ${quoted(options.schema)}`));
  });
  await migrate(db, postgresDialect, MIGRATIONS, describePostgres(options), [rowSecurity(ownNames(MIGRATIONS))]);
}

/** Whether the schema is there. */
async function checkServer(tx: Transaction<StoreSchema>, options: PostgresOptions): Promise<boolean> {
  const where = describePostgres(options);
  // All of the schema in one look: current_schema() may not know yet what somebody made who began at once, and the catalog says.
  const { rows } = await tx.executeQuery<{
    version: number;
    encoding: string;
    owner: string | null;
    uses: boolean | null;
    creates: boolean;
    fills: boolean | null;
    reads_only: boolean;
  }>(
    CompiledQuery.raw(
      `select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding,
        pg_get_userbyid(there.nspowner) as owner, has_schema_privilege(there.oid, 'usage') as uses, has_schema_privilege(there.oid, 'create') as fills,
        has_database_privilege(current_database(), 'create') as creates, current_setting('transaction_read_only') = 'on' as reads_only
      from (select) as one left join pg_namespace as there on there.nspname = $1`,
      [options.schema],
    ),
  );
  const [server] = rows;
  if (server === undefined) throw new Error('the database says nothing of itself');
  if (server.version < OLDEST)
    throw new StoreUnusable('refused', `${where} is PostgreSQL ${Math.floor(server.version / 10_000)}: 15 or newer is needed`);
  if (server.encoding !== 'UTF8')
    throw new StoreUnusable('refused', `${where} keeps texts as ${server.encoding}: make a database with encoding 'UTF8'`);
  if (server.reads_only) throw new StoreUnusable('refused', `${where} ${READS_ONLY}`);
  // Who may not use it is not told that it is there.
  if (server.owner !== null && server.uses === false) {
    const [schema, user] = [quoted(options.schema), quoted(options.user)];
    throw new StoreUnusable(
      'refused',
      `${where}: the schema ${schema} was made by "${server.owner}", and ${user} may not use it`,
      undefined,
      `Where a dump was restored, restore it as ${user}; else let "${server.owner}" run: grant usage, create on schema ${schema} to ${user}; grant all on all tables in schema ${schema} to ${user}`,
    );
  }
  if (server.owner === null && !server.creates) {
    const statement = `create schema ${quoted(options.schema)} authorization ${quoted(options.user)}`;
    throw new StoreUnusable('refused', `${where}: "${options.user}" may make no schema there. Let the database’s owner run: ${statement}`);
  }
  if (server.fills === false) {
    const statement = `grant create on schema ${quoted(options.schema)} to ${quoted(options.user)}`;
    throw new StoreUnusable(
      'refused',
      `${where}: "${options.user}" may make no tables there. Let the owner of that schema run: ${statement}`,
    );
  }
  return server.owner !== null;
}
