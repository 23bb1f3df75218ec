import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { missingIsNull } from './missing-is-null.ts';

const DEPTH = 4;
const FOLDERS = 2_000;
const PASSED_OVER = new Set(['node_modules', 'Library', 'AppData', 'snap', 'venv', 'vendor', 'target', 'dist', 'build']);

/**
 * Git checkouts in a home, nearest and first by name first: not deeper than four folders, hidden ones left out, and not
 * inside one another. Looks at 2,000 folders at most.
 */
export async function findCheckouts(home: string): Promise<string[]> {
  const found: string[] = [];
  let level = [home];
  let looked = 0;
  for (let depth = 0; depth <= DEPTH && level.length > 0; depth += 1) {
    const next: string[] = [];
    for (const folder of level) {
      if (looked >= FOLDERS) return found;
      looked += 1;
      const entries = (await missingIsNull(readdir(folder, { withFileTypes: true }))) ?? [];
      if (entries.some((entry) => entry.name === '.git')) {
        found.push(folder);
        if (folder !== home) continue;
      }
      const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !PASSED_OVER.has(entry.name));
      next.push(...folders.map((entry) => path.join(folder, entry.name)).sort());
    }
    level = next;
  }
  return found;
}
