import { commitKey, type CommitId, type CommitKey, type MachineId, type SpaceId } from '../ids.ts';
import { carriedKey } from '../log/carried.ts';
import type { Commit } from '../log/commit.ts';
import type { StoreTransaction } from '../ports/store.ts';
import { isReached, landingsOf, type Landing } from './landings.ts';
import { decodeDraft } from './overlay.ts';

export interface Overtaken {
  /** Drafts of which the log holds everything. */
  readonly done: readonly CommitId[];
  /** Drafts that have to land without what they carried, since that is in the log. */
  readonly shorter: readonly Commit[];
}

/**
 * What commits of other machines made of this machine's drafts: carried them, or landed what they carry. Where the log
 * holds less than a draft wants, it stays. Cost: O(drafts), a look-up each.
 */
export async function overtakenDrafts(tx: StoreTransaction, space: SpaceId, machine: MachineId): Promise<Overtaken> {
  const drafts = (await tx.drafts.list(space)).map((stored) => {
    const draft = decodeDraft(stored);
    return { draft, own: commitKey(machine, draft.id), carried: draft.carried.flatMap((record) => carriedKey(record) ?? []) };
  });
  const landings = await landingsOf(
    tx,
    space,
    drafts.flatMap(({ own, carried }) => [own, ...carried]),
  );
  const done: CommitId[] = [];
  const shorter: Commit[] = [];
  for (const { draft, own, carried } of drafts) {
    const mine = landings.get(own);
    // Of what landed as our own record, its replay removed the draft.
    const landed = [...(mine?.how === 'carried' ? [mine] : []), ...carried.flatMap((key) => landings.get(key) ?? [])];
    if (landed.length === 0) continue;
    const rest = draft.carried.filter((record) => !landings.has(carriedKey(record) as CommitKey));
    if (rest.length === 0 && (await isReachedByOne(tx, space, draft, landed))) done.push(draft.id);
    else if (rest.length < draft.carried.length) shorter.push({ ...draft, carried: rest });
  }
  return { done, shorter };
}

async function isReachedByOne(tx: StoreTransaction, space: SpaceId, draft: Commit, landings: readonly Landing[]): Promise<boolean> {
  for (const landing of landings) if (await isReached(tx, space, draft, landing)) return true;
  return false;
}
