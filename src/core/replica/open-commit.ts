import { openCommitBody } from '../crypto/object-cipher.ts';
import type { SpaceKeys } from '../crypto/space-keys.ts';
import { decodeCommit } from '../log/commit-codec.ts';
import type { Commit } from '../log/commit.ts';
import type { LogRecord } from '../log/record.ts';
import type { Compression } from '../ports/compression.ts';

/** The commit in a commit record; `null` where its key is not here, or it is none. Cost: O(its bytes). */
export async function openCommit({ header, body }: LogRecord, keys: SpaceKeys, compression: Compression): Promise<Commit | null> {
  const binding = { space: header.space, keyId: header.keyId, signer: header.signer, commit: header.id };
  const opened = await openCommitBody(body, binding, keys, compression);
  const commit = opened.ok ? decodeCommit(opened.value, header.id, header) : null;
  return commit?.ok === true ? commit.value : null;
}
