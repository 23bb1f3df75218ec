import { constants } from 'node:fs';
import { lstat, open, type FileHandle } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { RemoteError } from '../../core/ports/remote.ts';
import { unless } from './errors.ts';

/** Windows knows neither; there are no pipes in folders there. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as { readonly O_NOFOLLOW?: number; readonly O_NONBLOCK?: number };

/**
 * A file of the folder, for reading. `null` where there is none. Whoever has the folder in hand may have put a pipe
 * there, on which an open waits for ever, or a link to what is none of the folder's business: both are damage.
 */
export async function openFile(path: string): Promise<FileHandle | null> {
  const file = await open(path, constants.O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ELOOP' || error.code === 'EMLINK') throw misplaced(path, 'a link', 'a file');
    if (error.code === 'ENXIO' || error.code === 'EOPNOTSUPP') throw misplaced(path, 'a socket or device', 'a file');
    return unless('ENOENT', 'ENOTDIR')(error) ?? null;
  });
  if (file === null || (await file.stat()).isFile()) return file;
  await file.close();
  throw misplaced(path, 'something else', 'a file');
}

/**
 * Throws where something else than a directory is in the place of `directory`, or of one between it and `root`: a link
 * would take what is written or cleared there elsewhere. The root itself may be a link of the user's. A few look-ups.
 */
export async function checkDirectories(root: string, directory: string): Promise<void> {
  let path = root;
  for (const name of relative(root, directory).split(sep)) {
    if (name === '') return;
    path = join(path, name);
    const found = await lstat(path).catch(unless('ENOENT', 'ENOTDIR'));
    if (found !== undefined && !found.isDirectory())
      throw misplaced(path, found.isSymbolicLink() ? 'a link' : 'something else', 'a directory of its own');
  }
}

function misplaced(path: string, what: string, due: string): RemoteError {
  return new RemoteError(
    'protocol',
    `${path} is ${what} where ${due} belongs: somebody changed the folder; remove it, or restore the folder`,
  );
}
