import { fstatSync, readSync } from 'node:fs';
import { pagePosition, type WalFrames } from './wal-frames.ts';

/** How much of its log a database has already. */
export interface WalStart {
  /** The last commit as which the database is; 0: nothing of the log need be in it. */
  readonly frame: number;
  /** It has pages as the log has them later: while others read, pages are copied back that are of no one commit. */
  readonly isMixed: boolean;
  /** The last frame that is the database's first page; 0: it is older than the log. */
  readonly firstPage: number;
}

/**
 * A log is copied back page by page and goes on to stand there. So each page of the database is as it was before the log, or as the log has it;
 * and where nobody read meanwhile, all are as of one of its commits. O(bytes of the log).
 */
export function findStart(database: number, log: number, { pageSize, pages, commits }: WalFrames): WalStart {
  const size = Math.floor(fstatSync(database).size / pageSize);
  const shrinks = commits.filter((commit, index) => commit.size < (commits[index - 1]?.size ?? 0));
  /** Of each frame, how many pages begin (and, below zero, cease) there to be other ones in the database than in the log. */
  const others = new Int32Array(pages.length + 2);
  const [mine, logged] = [Buffer.alloc(pageSize), Buffer.alloc(pageSize)];
  let [lastSame, firstPage] = [0, 0];
  for (const [page, frames] of framesByPage(pages)) {
    const isThere = page <= size && readSync(database, mine, 0, pageSize, (page - 1) * pageSize) === pageSize;
    for (const [index, frame] of frames.entries()) {
      readSync(log, logged, 0, pageSize, pagePosition(frame, pageSize));
      if (isThere && mine.equals(logged)) {
        lastSame = Math.max(lastSame, frame);
        if (page === 1) firstPage = frame;
        continue;
      }
      const next = frames[index + 1] ?? pages.length + 1;
      // A page that was cut off is not copied back.
      const cut = shrinks.find((commit) => commit.frame >= frame && commit.frame < next && commit.size < page)?.frame ?? next;
      others[frame] = (others[frame] ?? 0) + 1;
      others[cut] = (others[cut] ?? 0) - 1;
    }
  }
  let [reached, count, start] = [0, 0, 0];
  for (const { frame } of commits) {
    while (reached < frame) count += others[++reached] ?? 0;
    if (count === 0) start = frame;
  }
  return { frame: start, isMixed: lastSame > start, firstPage };
}

function framesByPage(pages: readonly number[]): Map<number, number[]> {
  const byPage = new Map<number, number[]>();
  for (const [index, page] of pages.entries()) {
    const frames = byPage.get(page);
    if (frames === undefined) byPage.set(page, [index + 1]);
    else frames.push(index + 1);
  }
  return byPage;
}
