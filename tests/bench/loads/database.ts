import path from 'node:path';
import { MEM_FILE, MemoryRows, memoriesIn, openMemories } from '../database/memory-rows.ts';
import type { Load } from '../load.ts';
import { folderDifference } from './files.ts';

/** Rows of the database, and of the edit. */
const FULL_ROWS = 30_000;
export const EDIT_ROWS = 203;

/** A database of claude-mem as one machine fills it, and 203 rows more. Nothing else has it open: what copies files can. */
export function databaseLoad(scale: number): Load {
  const rows = Math.max(500, Math.round(FULL_ROWS * scale));
  return {
    name: 'database',
    description: `a claude-mem database of ${rows} rows`,
    async write(folder, seed) {
      const database = openMemories(path.join(folder, MEM_FILE));
      try {
        new MemoryRows(database, seed).add(rows);
      } finally {
        database.close();
      }
      await Promise.resolve();
    },
    async edit(folder, seed) {
      const database = openMemories(path.join(folder, MEM_FILE));
      try {
        new MemoryRows(database, seed).add(EDIT_ROWS);
      } finally {
        database.close();
      }
      await Promise.resolve();
    },
    async difference(source, target) {
      const files = await folderDifference(source, target);
      return files === '' ? '' : rowDifference(source, target);
    },
  };
}

/** Whoever carries rows has another file, with other numbers in it. */
function rowDifference(source: string, target: string): string {
  const [here, there] = [source, target].map((folder) => memoriesIn(path.join(folder, MEM_FILE)));
  return Object.entries(here!)
    .filter(([table, digest]) => there![table] !== digest)
    .map(([table, digest]) => `${table}: ${digest} here, ${there![table]} there`)
    .join('\n');
}
