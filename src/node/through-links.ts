import { realpath } from 'node:fs/promises';

/** Where a link points to, so that the link stays; the file itself where none is there. */
export async function throughLinks(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return file;
    throw error;
  }
}
