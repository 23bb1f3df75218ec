import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** Those that are not there count nothing. */
async function sizeOfFiles(files: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const file of files) bytes += await sizeOf(file);
  return bytes;
}

/** Bytes of all files in a folder and its folders. O(files in it). */
export async function sizeOfFolder(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(ignoreMissing);
  return sizeOfFiles((entries ?? []).filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name)));
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(ignoreMissing))?.size ?? 0;
}

/** What goes away meanwhile takes no room. */
function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
