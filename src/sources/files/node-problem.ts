import type { FileProblem } from '../../core/ports/files.ts';

const TYPES: Readonly<Record<string, FileProblem['type']>> = {
  ENOENT: 'missing',
  EACCES: 'no-access',
  EPERM: 'no-access',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EROFS: 'read-only',
  ENOTDIR: 'in-the-way',
  EISDIR: 'in-the-way',
  ENOTEMPTY: 'in-the-way',
  EEXIST: 'changed',
  ELOOP: 'outside',
  ENAMETOOLONG: 'io',
};

/** A system error → problem. What carries no error code is a bug and goes on flying. */
export function problemOf(error: unknown, path: string): FileProblem {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code === undefined) throw error;
  return { type: TYPES[code] ?? 'io', message: `${code} at ${JSON.stringify(path)}` };
}

/** What a look says that finds nothing, without an error made for it. */
export function missing(path: string): FileProblem {
  return { type: 'missing', message: `ENOENT at ${JSON.stringify(path)}` };
}
