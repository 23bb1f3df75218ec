import { CompiledQuery, type Kysely } from 'kysely';
import type { TextIndexPlace } from '../../core/ports/text-index.ts';
import { clearIndex, type AskIndex, type IndexDatabase } from '../text-index/index-database.ts';
import { openDatabaseIndex } from '../text-index/postgres-text-index.ts';
import { toPlainText } from './plain-text.ts';

const SIZE = `select case when exists (select from index_spaces) then sum(pg_total_relation_size(oid)) else 0 end as size from pg_class
  where relkind = 'r' and relname like 'index\\_%' and relnamespace = (select oid from pg_namespace where nspname = current_schema())`;

export interface IndexPlaceDeps {
  /** Connections of its own, so that who searches takes none from those who sync. */
  readonly connect: () => Kysely<unknown>;
  /** Runs a transaction again where it has to be, and explains its failure. */
  readonly around: <T>(run: () => Promise<T>) => Promise<T>;
}

/** The index of words in the database of the hubs, whose tables are there. Nothing is connected while it is not open. */
export function createIndexPlace(deps: IndexPlaceDeps): TextIndexPlace {
  async function once<T>(work: (database: IndexDatabase) => Promise<T>): Promise<T> {
    const database = connected(deps);
    try {
      return await work(database);
    } finally {
      await database.close();
    }
  }

  return {
    async open() {
      const database = connected(deps);
      try {
        return await openDatabaseIndex(database);
      } catch (error) {
        await database.close();
        throw error;
      }
    },
    remove: () => once((database) => database.write(clearIndex)),
    size: () => once((database) => database.read(async (ask) => (await ask<{ size: number }>(SIZE))[0]?.size ?? 0)),
  };
}

function connected({ connect, around }: IndexPlaceDeps): IndexDatabase {
  const db = connect();
  const transact = <T>(access: 'read only' | 'read write', work: (ask: AskIndex) => Promise<T>): Promise<T> =>
    around(() =>
      db
        .transaction()
        .setAccessMode(access)
        .execute((tx) =>
          work(async (sql, values = []) => (await tx.executeQuery<never>(CompiledQuery.raw(sql, values.map(toParameter)))).rows),
        ),
    );
  return { read: (work) => transact('read only', work), write: (work) => transact('read write', work), close: () => db.destroy() };
}

/** What stands in lists is not made plain by the driver. */
function toParameter(value: unknown): unknown {
  return Array.isArray(value) ? value.map((each: unknown) => (typeof each === 'string' ? toPlainText(each) : each)) : value;
}
