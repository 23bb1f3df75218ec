import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';

/** What is in a folder; `null` where there is no such folder. */
export type Entries = ReadonlySet<string> | null;

export async function entriesOf(folder: string): Promise<Entries> {
  try {
    return new Set(await readdir(folder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Makes a home what it was before a machine was to begin in it, and did not. What somebody put there before, as a config.json, stays. */
export async function removeAllBut(before: Entries, home: string): Promise<void> {
  if (before === null) return rm(home, { recursive: true, force: true });
  for (const name of (await entriesOf(home)) ?? [])
    if (!before.has(name)) await rm(path.join(home, name), { recursive: true, force: true });
}
