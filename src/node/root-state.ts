import { statSync } from 'node:fs';

/** What stands where a source's folder should. A link to a folder is one. */
export function rootState(root: string): 'folder' | 'missing' | 'file' {
  try {
    return statSync(root).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing';
    return 'folder'; // which cannot be looked into: captures say so
  }
}
