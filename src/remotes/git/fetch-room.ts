import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/ports/clock.ts';

export interface FetchRoom {
  /** Bytes that a cache may hold, however much room there is. */
  readonly most: number;
  /** Milliseconds between looks. What ends before the first one is not looked at. */
  readonly every: number;
}

/** No git host keeps a repository of that size for anybody. */
export const FETCH_ROOM: FetchRoom = { most: 32 * 1024 ** 3, every: 2_000 };
/** Of the room that is free for the cache, what it holds included. */
const SHARE = 0.5;

/** Names how much of the bound came; `null` where `work` ended within it. */
export type OverRoom = { readonly bytes: number; readonly bound: number } | null;

/**
 * Runs what fetches into a cache, and ends it by the signal where the cache outgrows its room: git itself takes whatever a host
 * sends, and a hostile one need not stop. Each look costs O(files of the cache); what fetches as little as usual ends before the first.
 */
export async function withinRoom<T>(
  objects: string,
  { clock, room }: { readonly clock: Clock; readonly room: FetchRoom },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ readonly over: NonNullable<OverRoom> } | { readonly over: null; readonly value: T }> {
  const [tooMuch, ended] = [new AbortController(), new AbortController()];
  let over: OverRoom = null;
  let wasLookedAt = false;
  const watching = (async () => {
    for (let isLast = false; !isLast && over === null;) {
      await clock.sleep(room.every, ended.signal);
      // One that took long is looked at once more: what came since the last look counts too.
      isLast = ended.signal.aborted;
      if (isLast && !wasLookedAt) return;
      wasLookedAt = true;
      over = await look(objects, room).catch(() => null); // thrown away meanwhile: there is nothing to bound
    }
    if (over !== null) tooMuch.abort();
  })();
  try {
    const value = await work(tooMuch.signal);
    ended.abort();
    await watching;
    return over === null ? { over, value } : { over };
  } catch (error) {
    ended.abort();
    await watching;
    if (over === null) throw error;
    return { over };
  }
}

async function look(objects: string, { most }: FetchRoom): Promise<OverRoom> {
  const [bytes, { bavail, bsize }] = [await bytesBelow(objects), await statfs(objects)];
  const bound = Math.min(most, Math.floor((bavail * bsize + bytes) * SHARE));
  return bytes > bound ? { bytes, bound } : null;
}

/** Half-written files count. Those that go meanwhile do not. */
async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0;
  const folders = await readdir(folder, { withFileTypes: true });
  for (const { name } of folders.filter((entry) => entry.isDirectory())) {
    const files = await readdir(join(folder, name)).catch(() => []);
    const sizes = await Promise.all(files.map((file) => stat(join(folder, name, file)).catch(() => null)));
    for (const found of sizes) bytes += found?.size ?? 0;
  }
  return bytes;
}
