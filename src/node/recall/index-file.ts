import { rm, stat } from 'node:fs/promises';
import type { TextIndex, TextIndexPlace } from '../../core/ports/text-index.ts';

/** An index in one file of this node's home, and what SQLite keeps beside it. */
export function createIndexFile(file: string, open: (file: string) => Promise<TextIndex>): TextIndexPlace {
  return {
    open: () => open(file),
    remove: () => removeIndexFile(file),
    async size() {
      const sizes = await Promise.all(filesOf(file).map((each) => stat(each).then((found) => found.size, absent)));
      return sizes.reduce((sum, bytes) => sum + bytes, 0);
    },
  };
}

/** While nobody has it open. */
export async function removeIndexFile(file: string): Promise<void> {
  for (const each of filesOf(file)) await rm(each, { force: true });
}

function filesOf(file: string): string[] {
  return [file, `${file}-wal`, `${file}-shm`, `${file}-journal`];
}

function absent(error: NodeJS.ErrnoException): number {
  if (error.code === 'ENOENT') return 0;
  throw error;
}
