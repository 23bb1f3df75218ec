import { constants } from 'node:fs';
import { copyFile, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';

/** A whole copy of a database as it is now, while others work on it. Its rows keep their numbers. Gives the copy's path. */
export async function keepDatabase(file: string, folder: string, name: string): Promise<string> {
  const target = path.join(folder, `${name}.db`);
  const fresh = `${target}.part`;
  await rm(fresh, { force: true });
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
  try {
    database.prepare('VACUUM INTO ?').run(fresh);
  } finally {
    database.close();
  }
  await keepAs(fresh, target);
  return target;
}

/** A copy of a file's bytes, durable when it resolves. Nobody may be writing it. */
export async function keepBytes(file: string, target: string): Promise<void> {
  const fresh = `${target}.part`;
  await copyFile(file, fresh, constants.COPYFILE_FICLONE);
  await keepAs(fresh, target);
}

async function keepAs(fresh: string, target: string): Promise<void> {
  const handle = await open(fresh, 'r+');
  try {
    await handle.chmod(0o600);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, target);
  const folder = await open(path.dirname(target), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
