import { randomBytes } from 'node:crypto';
import { lstat, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '../make-folders.ts';
import { MARKER } from './service.ts';

/** What lies where the unit goes. A link or anything else that is no plain file of ours is `foreign`. */
export type UnitFile = { readonly state: 'absent' } | { readonly state: 'ours'; readonly text: string } | { readonly state: 'foreign' };

export async function readUnitFile(file: string): Promise<UnitFile> {
  try {
    if (!(await lstat(file)).isFile()) return { state: 'foreign' };
    const text = await readFile(file, 'utf8');
    return text.split('\n').some((line) => line.includes(MARKER)) ? { state: 'ours', text } : { state: 'foreign' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { state: 'absent' };
    throw error;
  }
}

/** Puts the whole text in place at once, or leaves what was there. */
export async function writeUnitFile(file: string, text: string): Promise<void> {
  await makeFolders(path.dirname(file));
  const fresh = `${file}.${randomBytes(6).toString('hex')}.new`;
  try {
    const handle = await open(fresh, 'wx', 0o644);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, file);
  } finally {
    await rm(fresh, { force: true });
  }
}
