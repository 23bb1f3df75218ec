import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/**
 * Everything below a folder: names, kinds, modes, times and contents, a line each; nothing for a folder that is not
 * there. SQLite's shared memory is left out, in which readers move marks; and the node's log, which tells of refusals.
 */
export function folderState(folder: string): string[] {
  const lines: string[] = [];
  const visit = (name: string): void => {
    const file = path.join(folder, name);
    const stat = lstatSync(file, { throwIfNoEntry: false });
    if (stat === undefined || name.endsWith('-shm') || name.endsWith('node.log')) return;
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isDirectory()) {
      lines.push(`${name}/ ${mode}`);
      for (const child of readdirSync(file).toSorted()) visit(path.join(name, child));
    } else if (stat.isSymbolicLink()) lines.push(`${name} -> ${readlinkSync(file)}`);
    else lines.push(`${name} ${mode} ${stat.mtimeMs} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`);
  };
  visit('.');
  return lines;
}
