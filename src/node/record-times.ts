import { openCommit } from '../core/replica/open-commit.ts';
import type { StoredRecord } from '../core/ports/store.ts';
import { decodeRecord } from '../core/log/record.ts';
import type { OpenSpace, SatchelNode } from './node.ts';

const AHEAD = { records: 16, bytes: 1024 * 1024 };

/**
 * By when a record was in the log, ISO 8601, as the author of the next commit behind it (or of itself) says: records
 * carry no time of their own in clear text. `null` where no such commit is near or readable.
 */
export async function recordTime(node: SatchelNode, open: OpenSpace, position: number): Promise<string | null> {
  return firstTime(node, open, await node.store.read((tx) => tx.logs.read(open.entry.space, position, AHEAD)));
}

/** When the newest commit before a record was made: it is no older. For the last records of a log, behind which none is. */
export async function timeBefore(node: SatchelNode, open: OpenSpace, position: number): Promise<string | null> {
  const from = Math.max(0, position - AHEAD.records);
  const page = await node.store.read((tx) => tx.logs.read(open.entry.space, from, { ...AHEAD, records: position - from }));
  return firstTime(node, open, page.toReversed());
}

async function firstTime(node: SatchelNode, { replica }: OpenSpace, page: readonly StoredRecord[]): Promise<string | null> {
  for (const stored of page) {
    if (stored.type !== 'commit') continue;
    const record = decodeRecord(stored.bytes);
    if (!record.ok || !replica.canWrite) return null;
    const commit = await openCommit(record.value, replica.keys, node.deps.compression);
    const time = commit === null ? null : isoTime(commit.time);
    if (time !== null) return time;
  }
  return null;
}

/** ISO 8601. Any natural number is a time to the format; dates end earlier: `null`. */
export function isoTime(ms: number): string | null {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
