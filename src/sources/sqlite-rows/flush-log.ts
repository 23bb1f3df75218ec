import { open } from 'node:fs/promises';
import path from 'node:path';

/**
 * Makes durable what is in a database's write-ahead log, as SQLite does it with each commit where it is told to: but after others can read
 * it, and on another thread. `isNew`: its folder may not name the log durably yet. No locks are touched: SQLite's lie on other files. Throws
 * where the log is not there or the disk fails.
 */
export async function flushLog(file: string, isNew: boolean): Promise<void> {
  const log = await open(`${file}-wal`, 'r+');
  try {
    await log.datasync();
  } finally {
    await log.close();
  }
  if (isNew && process.platform !== 'win32') await flushFolder(path.dirname(file));
}

async function flushFolder(name: string): Promise<void> {
  const folder = await open(name, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
