import Database from 'better-sqlite3';
import type { NodeHome } from './home.ts';
import { readRunning } from './running.ts';

/** Another process runs this node. */
export class NodeIsRunning extends Error {
  override readonly name = 'NodeIsRunning';
  readonly pid: number | null;
  readonly address: string | null;
  constructor(pid: number | null, address: string | null) {
    super(`this node runs already${pid === null ? '' : ` as process ${pid}`}${address === null ? '' : `, at ${address}`}`);
    this.pid = pid;
    this.address = address;
  }
}

/**
 * One process a store. The lock is the operating system's, by way of SQLite's, so that it ends with the process
 * however that ends. Throws {@link NodeIsRunning}, which says where the other one is.
 */
export async function lockNode(home: NodeHome): Promise<{ release(): void }> {
  const database = new Database(home.lock, { timeout: 0 });
  try {
    database.pragma('journal_mode = MEMORY');
    database.pragma('locking_mode = EXCLUSIVE');
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY') !== true) throw error;
    const running = await readRunning(home);
    throw new NodeIsRunning(running?.pid ?? null, running?.address ?? null);
  }
  return {
    release() {
      database.close();
    },
  };
}
