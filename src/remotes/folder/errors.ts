import { RemoteError, type RemoteErrorType } from '../../core/ports/remote.ts';

const TYPES: Readonly<Record<string, RemoteErrorType>> = {
  ENOSPC: 'refused',
  EDQUOT: 'refused',
  EFBIG: 'refused',
  EROFS: 'refused',
  EACCES: 'unauthorized',
  EPERM: 'unauthorized',
  // Somebody put something else in the place of a file or directory.
  EISDIR: 'protocol',
  ENOTDIR: 'protocol',
  ELOOP: 'protocol',
};

/** What the file system said, as the port says it. Anything else that goes wrong with a folder may pass: a stick is put back. */
export function folderError(folder: string, error: unknown): unknown {
  if (error instanceof RemoteError || !isSystemError(error)) return error;
  const type = TYPES[error.code] ?? 'unreachable';
  return new RemoteError(type, `${folder}: ${error.message}`, { cause: error });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}

/** For `.catch`: swallows these error codes only. */
export function unless(...codes: readonly string[]): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (error.code === undefined || !codes.includes(error.code)) throw error;
    return undefined;
  };
}
