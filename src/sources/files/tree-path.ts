import type { FileProblem } from '../../core/ports/files.ts';
import { fail, ok, type Result } from '../../core/result.ts';

/** Splits a relative path. Refuses everything that could name something outside the root; `''` is the root: []. */
export function splitTreePath(path: string): Result<readonly string[], FileProblem> {
  if (path === '') return ok([]);
  const segments = path.split('/');
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..' || segment.includes('\0')) return fail(outside(path));
  }
  return ok(segments);
}

export function outside(path: string): FileProblem {
  return { type: 'outside', message: `${JSON.stringify(path)} does not stay inside the folder` };
}
