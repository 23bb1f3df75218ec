import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * Makes a folder, 0700, and what is missing above it; answers whether it was missing. Throws what the file system says.
 * Not by the recursive mkdir of Node: that never ends where nothing can be made in a folder that is there, as in /proc.
 */
export async function makeFolders(folder: string): Promise<boolean> {
  try {
    return await makeFolder(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await makeFolders(path.dirname(folder));
    return makeFolder(folder);
  }
}

async function makeFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    // Some file systems complain of what is there in other words.
    if ((await stat(folder).catch(() => null))?.isDirectory() === true) return false;
    throw error;
  }
}
