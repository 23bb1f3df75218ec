import { chmodSync, closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Clock } from '../core/ports/clock.ts';
import { readPrivate, type NodeHome } from './home.ts';
import { readRunning } from './running.ts';

/** Who holds the lock, for people. */
export interface LockHolder {
  readonly pid: number;
  /** What it does there: `up`, or a command's name. Nothing of its arguments. */
  readonly purpose: string;
}

/** Another process runs this node, or a command is at work on its store. */
export class NodeIsRunning extends Error {
  override readonly name = 'NodeIsRunning';
  readonly pid: number | null;
  readonly address: string | null;
  constructor(holder: LockHolder | null, address: string | null) {
    super(sayHolder(holder, address));
    this.pid = holder?.pid ?? null;
    this.address = address;
  }
}

function sayHolder(holder: LockHolder | null, address: string | null): string {
  if (holder === null) return 'another satchel command is at work on this store';
  if (address !== null) return `this node runs already as process ${holder.pid}, at ${address}`;
  return `a satchel command is at work on this store: ${holder.purpose}, process ${holder.pid}`;
}

/** A command that opened the store for a moment, or a node that starts or ends, is waited for; one that runs is not. */
const PATIENCE = 60_000;
const LOOK_EVERY = 50;

/**
 * One process a store. The lock is the operating system's, by way of SQLite's, so that it ends with the process
 * however that ends: what a killed one left behind is no obstacle. Throws {@link NodeIsRunning}, which says who holds
 * it, after a minute at the latest.
 */
export async function lockNode(home: NodeHome, purpose: string, clock: Clock): Promise<{ release(): void }> {
  for (let waited = 0; ; waited += LOOK_EVERY) {
    const database = tryLock(home.lock);
    if (database !== null) {
      noteHolder(home, { pid: process.pid, purpose });
      return {
        release() {
          rmSync(home.holder, { force: true });
          database.close();
        },
      };
    }
    const holder = await readHolder(home);
    const running = await readRunning(home);
    if (running !== null && running.pid === (holder?.pid ?? running.pid) && isProcess(running.pid))
      throw new NodeIsRunning(holder ?? { pid: running.pid, purpose: 'up' }, running.address);
    if (waited >= PATIENCE) throw new NodeIsRunning(holder, null);
    await clock.sleep(LOOK_EVERY);
  }
}

/** Whether a process runs this node, or is at work on its store, as far as it said so. Makes nothing. */
export async function isHeld(home: NodeHome): Promise<boolean> {
  const holders = [await readHolder(home), await readRunning(home)];
  return holders.some((holder) => holder !== null && isProcess(holder.pid));
}

function tryLock(file: string): Database.Database | null {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600); // an older one may be open to others
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

/** Not flushed: after a crash nobody holds the lock. */
function noteHolder(home: NodeHome, holder: LockHolder): void {
  try {
    writeFileSync(home.holder, JSON.stringify(holder), { mode: 0o600 });
  } catch (error) {
    // On a full disk the node starts all the same: it only cannot say who it is.
    if (!['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

async function readHolder(home: NodeHome): Promise<LockHolder | null> {
  try {
    const value = JSON.parse((await readPrivate(home.holder)) ?? 'null') as Partial<LockHolder> | null;
    return typeof value?.pid === 'number' && typeof value.purpose === 'string' ? { pid: value.pid, purpose: value.purpose } : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null; // being written, or cut off by a full disk
    throw error;
  }
}

/** Whether there is a process of that number: after a crash it may be another one's. */
export function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // there, but another user's
  }
}
