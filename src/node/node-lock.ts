import Database from 'better-sqlite3';
import type { Clock } from '../core/ports/clock.ts';
import type { NodeHome } from './home.ts';
import { readRunning } from './running.ts';

/** Another process runs this node. */
export class NodeIsRunning extends Error {
  override readonly name = 'NodeIsRunning';
  readonly pid: number | null;
  readonly address: string | null;
  constructor(pid: number | null, address: string | null) {
    super(
      pid === null
        ? 'another satchel command is at work on this store'
        : `this node runs already as process ${pid}${address === null ? '' : `, at ${address}`}`,
    );
    this.pid = pid;
    this.address = address;
  }
}

/** A command that opened the store for a moment is waited for; a running node is not. */
const PATIENCE = 60_000;
const LOOK_EVERY = 50;

/**
 * One process a store. The lock is the operating system's, by way of SQLite's, so that it ends with the process
 * however that ends. Throws {@link NodeIsRunning}, which says where the other one is.
 */
export async function lockNode(home: NodeHome, clock: Clock): Promise<{ release(): void }> {
  for (let waited = 0; ; waited += LOOK_EVERY) {
    const database = tryLock(home.lock);
    if (database !== null) return { release: () => void database.close() };
    const running = await readRunning(home);
    const isAlive = running !== null && isProcess(running.pid);
    if (isAlive) throw new NodeIsRunning(running.pid, running.address);
    if (waited >= PATIENCE) throw new NodeIsRunning(null, null);
    await clock.sleep(LOOK_EVERY);
  }
}

function tryLock(file: string): Database.Database | null {
  const database = new Database(file, { timeout: 0 });
  try {
    database.pragma('journal_mode = MEMORY');
    database.pragma('locking_mode = EXCLUSIVE');
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY') !== true) throw error;
    return null;
  }
}

function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // there, but another user's
  }
}
