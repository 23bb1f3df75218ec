import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { folderId } from '../../kinds/mneme/folder-id.ts';
import { missingIsNull } from '../claude-home/missing-is-null.ts';

/** Folders looked into at most. */
const LOOKED_AT = 500;

/**
 * The folder that a client made this id of, as the disk tells: `-home-me-my-app` may be `/home/me/my-app` or `/home/me/my/app`. Of
 * several the one with a checkout in it, else the first by name; `null` where there is none. Its links are resolved. Cost: a look into
 * each folder on the way.
 */
export async function findFolder(id: string): Promise<string | null> {
  const root = /^[A-Za-z]:-/.test(id) ? `${id.slice(0, 2)}/` : '/';
  let left = LOOKED_AT;
  const found: string[] = [];

  const look = async (folder: string): Promise<void> => {
    const entries = left-- > 0 ? ((await missingIsNull(readdir(folder, { withFileTypes: true }))) ?? []) : [];
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (!entry.isDirectory() && !entry.isSymbolicLink()) continue;
      const inside = path.posix.join(folder, entry.name);
      const made = folderId(inside);
      if (made !== id && !id.startsWith(`${made}-`)) continue;
      if ((await missingIsNull(stat(inside)))?.isDirectory() !== true) continue;
      if (made === id) found.push(inside);
      else await look(inside);
    }
  };

  await look(root);
  for (const folder of found) if ((await missingIsNull(stat(path.join(folder, '.git')))) !== null) return realpath(folder);
  return found[0] === undefined ? null : realpath(found[0]);
}
