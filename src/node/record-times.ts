import { openCommitBody } from '../core/crypto/object-cipher.ts';
import { decodeCommit } from '../core/log/commit-codec.ts';
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

async function firstTime(node: SatchelNode, { entry, replica }: OpenSpace, page: readonly StoredRecord[]): Promise<string | null> {
  for (const stored of page) {
    if (stored.type !== 'commit') continue;
    const record = decodeRecord(stored.bytes);
    if (!record.ok || !replica.canWrite) return null;
    const { header, body } = record.value;
    const binding = { space: entry.space, keyId: header.keyId, signer: header.signer, commit: header.id };
    const opened = await openCommitBody(body, binding, replica.keys, node.deps.compression);
    const commit = opened.ok ? decodeCommit(opened.value, header.id, header) : null;
    if (commit?.ok === true) return new Date(commit.value.time).toISOString();
  }
  return null;
}
