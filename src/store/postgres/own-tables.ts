import { CompiledQuery, type Transaction } from 'kysely';
import type { Migration } from '../migrations.ts';
import type { StoreSchema } from '../schema.ts';
import { StoreUnusable } from '../store-unusable.ts';
import { postgresDialect } from './postgres-dialect.ts';
import { describePostgres, type PostgresOptions } from './postgres-options.ts';

/** Where migrations are noted, before the first of them. */
const MIGRATIONS_TABLE = 'migrations';
const POLICY = 'satchel';

/** Tables and indexes that a migration makes: in a schema they share one set of names, with views and sequences. */
function namesMadeBy(migration: Migration): string[] {
  return migration
    .statements(postgresDialect)
    .flatMap((statement) => /^create (?:table|(?:unique )?index) (\w+)/.exec(statement)?.[1] ?? []);
}

/** Of everything that Satchel makes in its schema. */
export function ownNames(migrations: readonly Migration[]): string[] {
  return [MIGRATIONS_TABLE, ...migrations.flatMap(namesMadeBy)];
}

interface Found {
  readonly name: string;
  /** Who made it. */
  readonly owner: string;
  /** It has our policy: Satchel made it, of another user perhaps. */
  readonly ours: boolean;
}

/** What is in the schema by one of these names. */
const FOUND = `select relname as name, pg_get_userbyid(relowner) as owner,
    exists (select from pg_policy where polrelid = pg_class.oid and polname = '${POLICY}') as ours
  from pg_class where relnamespace = (select oid from pg_namespace where nspname = current_schema()) and relname = any ($1)
  union all
  select typname, pg_get_userbyid(typowner), false from pg_type
  where typnamespace = (select oid from pg_namespace where nspname = current_schema()) and typrelid = 0 and typname = any ($1)`;

const HAS_MIGRATIONS = `select count(*) = 2 as has from pg_attribute
  where attrelid = to_regclass('${MIGRATIONS_TABLE}') and attnum > 0 and not attisdropped and attname in ('number', 'name')
    and has_column_privilege(attrelid, attname, 'select')`;

/**
 * Throws `StoreUnusable` where the transaction's schema has something by a name that Satchel needs there, and Satchel did not make it: nothing could be made
 * beside it. What has another name is somebody else's, and no business of ours. Two or three queries.
 */
export async function refuseForeignTables(
  tx: Transaction<StoreSchema>,
  options: PostgresOptions,
  migrations: readonly Migration[],
): Promise<void> {
  const ask = async <T>(sql: string, values: readonly unknown[] = []): Promise<T[]> =>
    (await tx.executeQuery<T>(CompiledQuery.raw(sql, [...values]))).rows;
  // Before the migrations that are noted: of one that ends in between, what it made is not looked at, and it counts.
  const found = await ask<Found>(FOUND, [ownNames(migrations)]);
  if (found.length === 0) return;
  const own = await ownSoFar(ask, migrations);
  const hidden = found.find(({ name, ours }) => ours && !own.has(name));
  if (hidden !== undefined) throw hidden.owner === options.user ? emptied(options) : hiddenFrom(options, hidden.owner);
  const foreign = found.find(({ name }) => !own.has(name));
  if (foreign !== undefined) throw heldByOther(options, foreign.name);
}

type Ask = <T>(sql: string) => Promise<T[]>;

/** What the migrations that ran made. */
async function ownSoFar(ask: Ask, migrations: readonly Migration[]): Promise<ReadonlySet<string>> {
  const [table] = await ask<{ has: boolean }>(HAS_MIGRATIONS);
  if (table?.has !== true) return new Set();
  const noted = await ask<{ number: unknown; name: unknown }>(`select number, name from ${MIGRATIONS_TABLE}`);
  const known = new Map(migrations.map((migration) => [migration.number, migration]));
  const isOurs = noted.every(({ number, name }) => {
    const migration = known.get(Number(number));
    // Of a newer Satchel, which is refused by its number.
    return migration === undefined ? Number(number) > (migrations.at(-1)?.number ?? 0) : migration.name === name;
  });
  if (!isOurs) return new Set();
  const ran = new Set(noted.map(({ number }) => Number(number)));
  return new Set([MIGRATIONS_TABLE, ...migrations.flatMap((migration) => (ran.has(migration.number) ? namesMadeBy(migration) : []))]);
}

function heldByOther(options: PostgresOptions, name: string): StoreUnusable {
  return new StoreUnusable(
    'refused',
    `${describePostgres(options)}: the schema "${options.schema}" holds "${name}", which Satchel did not make, and it needs that name`,
    undefined,
    'Name another schema: ?schema=NAME (it is made where it is missing)',
  );
}

function hiddenFrom({ schema, user, ...options }: PostgresOptions, owner: string): StoreUnusable {
  return new StoreUnusable(
    'refused',
    `${describePostgres({ ...options, schema, user })}: the tables in the schema "${schema}" were made by "${owner}", and "${user}" is shown nothing of them`,
    undefined,
    `Name that user in the address, or another schema: ?schema=NAME`,
  );
}

/** Nothing else leaves the tables there, and no note of what made them. */
function emptied(options: PostgresOptions): StoreUnusable {
  return new StoreUnusable(
    'refused',
    `${describePostgres(options)}: the tables in the schema "${options.schema}" are Satchel’s, and hold nothing, not even what version made them: that is what a dump restores which row-level security showed no rows`,
    undefined,
    'Dump again as docs/guides/several-hubs.md says (Backups), and restore that into an empty database; or name another schema: ?schema=NAME',
  );
}
