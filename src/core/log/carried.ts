import { commitKey, type CommitKey, type MachineId, type SpaceId } from '../ids.ts';
import { fail, ok, type Result } from '../result.ts';
import type { Commit } from './commit.ts';
import { decodeRecord, hasValidSignature, type LogRecord } from './record.ts';

/** A commit of an absent author inside another's: which, and whose. */
export interface CarriedCommit {
  readonly key: CommitKey;
  readonly signer: MachineId;
}

export function keyOf({ header }: LogRecord): CommitKey {
  return commitKey(header.signer, header.id);
}

/** Which commit an encoded record is; `null` for what is no record. */
export function carriedKey(record: Uint8Array): CommitKey | null {
  const decoded = decodeRecord(record);
  return decoded.ok ? keyOf(decoded.value) : null;
}

/**
 * The commits that a commit carries for their absent authors, checked: each must be a commit of this space as its
 * author signed it, or the commit that carries it is void. Whether the author was a member is not asked: what listed
 * it may have fallen back with the commit. Cost: a signature check each.
 */
export function readCarried(commit: Commit, space: SpaceId): Result<CarriedCommit[], string> {
  const carried: CarriedCommit[] = [];
  for (const bytes of commit.carried) {
    const record = decodeRecord(bytes);
    if (!record.ok) return fail('it carries what is no record');
    const { type, signer, space: of } = record.value.header;
    if (type !== 'commit' || of !== space) return fail('it carries a record that is no commit of this space');
    if (!hasValidSignature(record.value)) return fail('it carries a record that its author did not sign');
    carried.push({ key: keyOf(record.value), signer });
  }
  return ok(carried);
}
