import { rm, stat } from 'node:fs/promises';
import type { TextIndex, TextIndexPlace } from '../../core/ports/text-index.ts';

/** An index in one file of this node's home, and what SQLite keeps beside it. */
export function createIndexFile(file: string, open: (file: string) => Promise<TextIndex>): TextIndexPlace {
  const files = [file, `${file}-wal`, `${file}-shm`, `${file}-journal`];
  return {
    open: () => open(file),
    async remove() {
      for (const each of files) await rm(each, { force: true });
    },
    async size() {
      const sizes = await Promise.all(files.map((each) => stat(each).then((found) => found.size, absent)));
      return sizes.reduce((sum, bytes) => sum + bytes, 0);
    },
  };
}

function absent(error: NodeJS.ErrnoException): number {
  if (error.code === 'ENOENT') return 0;
  throw error;
}
