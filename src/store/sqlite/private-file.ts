import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes an empty file for us alone (0600). Throws EEXIST where there is one. */
export async function claimFile(path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  await file.close();
}

/** Flushes a file and its entry in the directory to disk. */
export async function flushFile(path: string): Promise<void> {
  for (const each of [path, dirname(path)]) {
    const handle = await open(each, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
