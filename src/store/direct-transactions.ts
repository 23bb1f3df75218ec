import { DefaultQueryExecutor, Kysely, type DatabaseConnection, type Driver, type KyselyConfig, type KyselyProps } from 'kysely';
import type { StoreSchema } from './schema.ts';
import type { DirectTransactions } from './sql-store.ts';

/** A driver whose transactions need nothing of what Kysely does around them. */
export interface DirectDriver extends Driver {
  /** A transaction at a connection, of which it is given the use. It is rolled back where `work` throws. */
  readonly transact: <T>(accessMode: 'read only' | 'read write', work: (connection: DatabaseConnection) => Promise<T>) => Promise<T>;
}

type Parts = Pick<KyselyProps, 'config' | 'driver' | 'dialect'>;

/** The transactions of a driver, without what Kysely does around each of them and around each query. */
export function createDirectTransactions(driver: DirectDriver, config: KyselyConfig): DirectTransactions {
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
