import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { torn } from './frame.ts';
import { unless } from './errors.ts';
import type { FolderFiles } from './files.ts';

/**
 * Immutable files numbered from 0 without gaps, in directories of a thousand: the n-th is there once all before it
 * are. Numbers are found by asking for files, never by the order or the completeness of a listing.
 */
export interface Sequence {
  /** The greatest number, −1 for none, and durable. O(log n) look-ups at first, then about two. */
  newest(): Promise<number>;
  path(number: number): string;
  /** False where that number is taken. The caller has seen the one before it. */
  publish(number: number, bytes: Uint8Array): Promise<boolean>;
  /** Changes when the file of that number is replaced by another (a folder that was restored from a copy). */
  fingerprint(number: number): Promise<string | null>;
  /** Makes the entries of these numbers durable, whoever wrote them. */
  sync(numbers: Iterable<number>): Promise<void>;
}

const PER_DIRECTORY = 1_000;

export function createSequence(files: FolderFiles, directory: string, extension: string): Sequence {
  let known = -1;

  const shard = (number: number): string => join(directory, String(Math.floor(number / PER_DIRECTORY)).padStart(8, '0'));
  const path = (number: number): string => join(shard(number), `${String(number).padStart(10, '0')}.${extension}`);

  async function fingerprint(number: number): Promise<string | null> {
    const found = await stat(path(number), { bigint: true }).catch(unless('ENOENT', 'ENOTDIR'));
    return found === undefined ? null : `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}`;
  }

  const exists = async (number: number): Promise<boolean> => (await fingerprint(number)) !== null;

  async function newest(): Promise<number> {
    const from = known >= 0 && (await exists(known)) ? known : -1;
    const found = await searchFrom(from, exists);
    if (from === -1 || found > known) await settle(found, from);
    known = found;
    return found;
  }

  /** Before a number is first answered: no gap before it, as a half-copied folder would have, and its entry durable. */
  async function settle(found: number, from: number): Promise<void> {
    if (from === -1) await refuseGap(found);
    if (found >= 0) await files.sync(shard(found));
    if (found >= PER_DIRECTORY) await files.sync(shard(found - PER_DIRECTORY));
  }

  async function refuseGap(found: number): Promise<void> {
    const shards = ((await readdir(directory).catch(unless('ENOENT'))) ?? []).filter((name) => /^\d{8}$/.test(name)).toSorted();
    const last = shards.at(-1);
    if (last === undefined) return;
    const names = (await readdir(join(directory, last)).catch(unless('ENOENT'))) ?? [];
    const beyond = names.some((name) => Number.parseInt(name, 10) > found + 1);
    // Another writer may have gone on meanwhile: a gap is one that stays.
    if (beyond && !(await exists(found + 1))) throw torn(path(found + 1), 'it is missing, though later ones are there');
  }

  return {
    newest,
    path,
    fingerprint,
    async publish(number, bytes) {
      await files.ensure(directory);
      if (number > 0 && number % PER_DIRECTORY === 0) await files.sync(shard(number - 1));
      const published = await files.publish(path(number), bytes);
      if (published) known = Math.max(known, number);
      return published;
    },
    async sync(numbers) {
      for (const each of new Set([...numbers].map(shard))) await files.sync(each);
    },
  };
}

/** The greatest number that exists, above `from`, which does: doubling steps, then halves. */
export async function searchFrom(from: number, exists: (number: number) => Promise<boolean>): Promise<number> {
  let low = from;
  let step = 1;
  while (await exists(low + step)) {
    low += step;
    step *= 2;
  }
  let high = low + step;
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (await exists(middle)) low = middle;
    else high = middle;
  }
  return low;
}
