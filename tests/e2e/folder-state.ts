import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

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

/** A running node looks again after moments of quiet; none of its pauses is longer. */
const QUIET_LOOKS = 9;
const LOOK_EVERY = 500;

/** Waits until what a node does by itself is through: from then on nothing writes there but what somebody asks for. */
export async function atRest(folder: string): Promise<void> {
  let last = '';
  let quiet = 0;
  for (let looks = 0; quiet < QUIET_LOOKS; looks++) {
    if (looks > 100) throw new Error(`${folder} does not come to rest`);
    const now = folderState(folder).join();
    quiet = now === last ? quiet + 1 : 0;
    last = now;
    await sleep(LOOK_EVERY);
  }
}
