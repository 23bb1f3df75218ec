import { readFile } from 'node:fs/promises';
import { fail, ok, type Result } from '../core/result.ts';

const REASONS: Readonly<Record<string, string>> = {
  EISDIR: 'a folder stands in its place',
  ENOTDIR: 'a file stands where its folder should be',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ELOOP: 'it is a link that leads to itself',
};

/** The text of another program's file; `null` where there is none. The error says, of it, why it cannot be read. */
export async function readForeign(file: string): Promise<Result<string | null, string>> {
  try {
    return ok(await readFile(file, 'utf8'));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return ok(null);
    const reason = REASONS[code];
    if (reason === undefined) throw error;
    return fail(reason);
  }
}
