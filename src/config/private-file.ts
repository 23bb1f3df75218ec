import { constants } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { fail, ok, type Result } from '../core/result.ts';
import type { ConfigProblem } from './problem.ts';

/** Larger files are refused before they are read. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads a UTF-8 file that only its owner may read: configuration, keys, tokens. `null` where there is none. A file that
 * others can read or write, that belongs to someone else, or that is no plain file, is a problem with the command that
 * mends it. The open file is checked, not the name, so it cannot be swapped in between. Other I/O errors throw.
 * `mayLieClosed`: whatever the file's mode, it will do that its folder lets nobody else in. Not for keys and tokens, which
 * are 0600 in themselves.
 */
export async function readPrivateFile(
  file: string,
  { mayLieClosed = false }: { readonly mayLieClosed?: boolean } = {},
): Promise<Result<string | null, ConfigProblem>> {
  let handle;
  try {
    // Not blocking: a named pipe in its place must not hang us.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return ok(null);
    if (code === 'EACCES') return problem(file, 'may not be read by this user', `Run: chmod 600 ${shellWord(file)}`);
    throw error;
  }
  try {
    const found = await handle.stat();
    if (!found.isFile()) return problem(file, 'is not a plain file', 'Replace it by one');
    const user = process.getuid?.();
    if (user !== undefined && found.uid !== user && found.uid !== 0) {
      return problem(file, 'belongs to another user', `Run: chown ${user} ${shellWord(file)}`);
    }
    // Windows has no such bits: there, profile folders are private by their access lists.
    if (user !== undefined && (found.mode & 0o077) !== 0 && !(mayLieClosed && found.nlink === 1 && (await liesClosed(file, user)))) {
      const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
      return problem(file, `can be read by other users (mode ${mode})`, `Run: chmod 600 ${shellWord(file)}`);
    }
    if (found.size > MAX_BYTES) return problem(file, `is ${found.size} bytes long, more than ${MAX_BYTES}`, 'Make it smaller');
    const bytes = await handle.readFile();
    try {
      return ok(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (error) {
      if (error instanceof TypeError) return problem(file, 'is not UTF-8 text', 'Save it as UTF-8');
      throw error;
    }
  } finally {
    await handle.close();
  }
}

/** Whether nobody but this user gets to a file, whatever its mode: the folder in which it really lies lets no others in. */
async function liesClosed(file: string, user: number): Promise<boolean> {
  const folder = await stat(path.dirname(await realpath(file)));
  return (folder.mode & 0o077) === 0 && (folder.uid === user || folder.uid === 0);
}

/** The word as a POSIX shell takes it literally. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function problem(where: string, message: string, fix: string): Result<never, ConfigProblem> {
  return fail({ where, key: '', message, fix });
}
