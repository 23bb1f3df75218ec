import { statSync } from 'node:fs';

/** File systems tell times in steps: what was written this lately may be written again at what looks like the same time. Milliseconds. */
const SETTLED = 1_000;

/**
 * Asks `read` again only where one of the `files` that its answer is from was written, made or removed since: for what is read with every
 * request. A look at a file takes microseconds, reading it several turns of the thread pool.
 */
export function rememberedOfFiles<T>(files: readonly string[], read: () => Promise<T>): () => Promise<T> {
  let known: { readonly stamp: string; readonly answer: T } | null = null;
  return async () => {
    // Before the answer: what is written meanwhile makes it an old one, whatever was read.
    const stamp = stampOf(files);
    if (known !== null && known.stamp === stamp) return known.answer;
    const answer = await read();
    known = stamp === null ? null : { stamp, answer };
    return answer;
  };
}

/** `null`: who wrote next would leave the same. */
function stampOf(files: readonly string[]): string | null {
  const now = Date.now();
  const stamps: string[] = [];
  for (const file of files) {
    try {
      const found = statSync(file, { bigint: true, throwIfNoEntry: false });
      if (found === undefined) stamps.push('none');
      else if (Number(found.ctimeMs) > now - SETTLED) return null;
      else stamps.push([found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' '));
    } catch {
      return null; // `read` says what is wrong with it
    }
  }
  return stamps.join('\n');
}
