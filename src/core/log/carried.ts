import type { CommitId, MachineId, SpaceId } from '../ids.ts';
import { fail, ok, type Result } from '../result.ts';
import type { Commit } from './commit.ts';
import { decodeRecord, hasValidSignature } from './record.ts';

/** A commit of an absent author inside another's: which, and whose. */
export interface CarriedCommit {
  readonly id: CommitId;
  readonly signer: MachineId;
}

/** The commits that a commit carries for their absent authors. What is no record is left out. */
export function carriedIds(commit: Commit): CommitId[] {
  return commit.carried.flatMap((bytes) => {
    const record = decodeRecord(bytes);
    return record.ok ? [record.value.header.id] : [];
  });
}

/**
 * The same, checked: each must be a commit of this space as its author signed it, or the commit that carries it is
 * void. Whether the author was a member is not asked: what listed it may have fallen back with the commit. Cost: a
 * signature check each.
 */
export function readCarried(commit: Commit, space: SpaceId): Result<CarriedCommit[], string> {
  const carried: CarriedCommit[] = [];
  for (const bytes of commit.carried) {
    const record = decodeRecord(bytes);
    if (!record.ok) return fail('it carries what is no record');
    const { type, id, signer, space: of } = record.value.header;
    if (type !== 'commit' || of !== space) return fail('it carries a record that is no commit of this space');
    if (!hasValidSignature(record.value)) return fail('it carries a record that its author did not sign');
    carried.push({ id, signer });
  }
  return ok(carried);
}
