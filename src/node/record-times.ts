import { openCommitBody } from '../core/crypto/object-cipher.ts';
import { decodeCommit } from '../core/log/commit-codec.ts';
import { decodeRecord } from '../core/log/record.ts';
import type { OpenSpace, SatchelNode } from './node.ts';

const AHEAD = { records: 16, bytes: 1024 * 1024 };

/**
 * By when a record was in the log, ISO 8601, as the author of the next commit behind it (or of itself) says: records
 * carry no time of their own in clear text. `null` where no such commit is near or readable.
 */
export async function recordTime(node: SatchelNode, { entry, replica }: OpenSpace, position: number): Promise<string | null> {
  const page = await node.store.read((tx) => tx.logs.read(entry.space, position, AHEAD));
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
