import { CompiledQuery, type Kysely, type Transaction } from 'kysely';
import type { StoreDialect } from './dialect.ts';
import type { StoreSchema } from './schema.ts';
import { StoreUnusable } from './store-unusable.ts';

/** Forward only. A migration that was released is never edited; the next one follows it. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  statements(dialect: StoreDialect): readonly string[];
}

/**
 * Brings the schema up to the newest of `migrations`, each in a transaction of its own that ends with the statements in
 * `closing`. Throws {@link StoreUnusable} where the database has one that is not in the list: a newer Satchel wrote it.
 * Safe when several processes begin at once. Cost when nothing is to do: two queries.
 */
export async function migrate(
  db: Kysely<StoreSchema>,
  dialect: StoreDialect,
  migrations: readonly Migration[],
  where: string,
  closing: readonly string[] = [],
): Promise<void> {
  const { text, integer } = dialect.types;
  const newest = migrations.at(-1)?.number ?? 0;
  const inTurn = <T>(work: (tx: Transaction<StoreSchema>) => Promise<T>): Promise<T> =>
    db.transaction().execute(async (tx) => {
      await runAll(tx, dialect.migrationLock);
      return work(tx);
    });
  const found = await inTurn(async (tx) => {
    await runAll(tx, [`create table if not exists migrations (number ${integer} not null primary key, name ${text} not null)`]);
    return versionOf(tx);
  });
  if (found === newest) return;
  for (const migration of migrations) {
    await inTurn(async (tx) => {
      const version = await versionOf(tx); // again: another process may have been faster
      if (version > newest) throw newer(where, version, newest);
      if (migration.number <= version) return;
      await runAll(tx, migration.statements(dialect));
      await tx.insertInto('migrations').values({ number: migration.number, name: migration.name }).execute();
      await runAll(tx, closing);
    });
  }
}

async function runAll(tx: Transaction<StoreSchema>, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await tx.executeQuery(CompiledQuery.raw(statement));
}

async function versionOf(db: Kysely<StoreSchema>): Promise<number> {
  const row = await db
    .selectFrom('migrations')
    .select((eb) => eb.fn.max('number').as('version'))
    .executeTakeFirst();
  return row?.version ?? 0;
}

function newer(where: string, version: number, newest: number): StoreUnusable {
  return new StoreUnusable(
    'newer',
    `${where} was written by a newer Satchel (schema ${version}; this one knows ${newest}): update Satchel on this machine`,
  );
}
