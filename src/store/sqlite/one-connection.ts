import { DefaultQueryExecutor, Kysely, type DatabaseConnection, type KyselyProps } from 'kysely';
import type { StoreSchema } from '../schema.ts';
import type { OneConnection } from '../sql-store.ts';
import type { SqliteDriver } from './sqlite-driver.ts';

type Parts = Pick<KyselyProps, 'config' | 'driver' | 'dialect'>;

/** The transactions of a driver's only connection, without what Kysely does around each of them and around each query. */
export function createOneConnection(driver: SqliteDriver, config: Parts['config']): OneConnection {
  const { dialect } = config;
  const parts: Parts = { config, driver, dialect };
  const compiler = dialect.createQueryCompiler();
  const adapter = dialect.createAdapter();

  /** What is built by this one asks the connection at once. */
  const kyselyOn = (given: () => DatabaseConnection): Kysely<StoreSchema> => {
    const executor = new DefaultQueryExecutor(compiler, adapter, { provideConnection: (consumer) => consumer(given()) });
    return new Kysely<StoreSchema>({ ...parts, executor });
  };

  return {
    transact: (accessMode, work) =>
      driver.transact(accessMode, async (connection) => {
        let isOver = false;
        const open = (): DatabaseConnection => {
          if (isOver) throw new Error('the transaction is already over');
          return connection;
        };
        try {
          return await work({ ask: async (query) => open().executeQuery(query), db: () => kyselyOn(open) });
        } finally {
          isOver = true;
        }
      }),
  };
}
