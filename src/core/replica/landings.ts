import type { Commit } from '../log/commit.ts';
import type { CommitId, CommitKey, ContentDigest, SpaceId } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import type { StoreTransaction } from '../ports/store.ts';
import { decodeDraft } from './overlay.ts';

/** How a commit is in the log: as its author's own record, or inside another's. */
export interface Landing {
  readonly how: 'itself' | 'carried';
  readonly position: number;
}

/** Collection: positions of records that land what another signed, or say so: who signed them is not their only author. */
export function carriers(space: SpaceId): string {
  return `carriers/${space}`;
}

/** Entries of one record past a page are passed over: what is not found lands once more, and merges. */
export const HISTORY_PAGE = 2_000;

/** Of valid records only: a void one uses no id, or anyone could void a commit in flight. Cost: a look-up each. */
export async function landingsOf(tx: StoreTransaction, space: SpaceId, commits: readonly CommitKey[]): Promise<Map<CommitKey, Landing>> {
  const landings = new Map<CommitKey, Landing>();
  for (const key of commits) {
    const carried = await tx.documents.get<{ position: number }>(`carried/${space}`, key);
    if (carried !== undefined) landings.set(key, { how: 'carried', position: carried.position });
  }
  for (const [key, positions] of await tx.logs.positionsOf(space, commits)) {
    for (const position of positions) {
      if ((await tx.documents.get(`voids/${space}`, String(position))) !== undefined) continue;
      const known = landings.get(key);
      if (known === undefined || position < known.position) landings.set(key, { how: 'itself', position });
    }
  }
  return landings;
}

/**
 * Whether the log holds what a commit wanted, now that `landing` put it there: every body of it is in its item's
 * history, deletions and resolutions took effect. Who carries a commit of an absent author is only believed so far.
 * Cost: O(history of the items).
 */
export async function isReached(tx: StoreTransaction, space: SpaceId, commit: Commit, landing: Landing): Promise<boolean> {
  const wanted = new Map<string, { item: Item; digests: Set<ContentDigest>; isDeleted: boolean }>();
  for (const change of commit.changes) {
    if (change.type === 'resolve') {
      const open = await tx.items.siblings(space, change.item);
      if (open.some(({ sibling }) => change.siblings.includes(sibling))) return false;
      continue;
    }
    const entry = wanted.get(itemKey(change.item)) ?? { item: change.item, digests: new Set<ContentDigest>(), isDeleted: false };
    wanted.set(itemKey(change.item), entry);
    if (change.type === 'delete' || change.content === null) entry.isDeleted = true;
    else entry.digests.add(change.content.digest);
    if (change.type === 'put' || change.type === 'keep') for (const body of change.history) entry.digests.add(body.digest);
  }
  for (const { item, digests, isDeleted } of wanted.values()) {
    if (!(await isHeld(tx, space, item, digests, isDeleted, landing))) return false;
  }
  return true;
}

async function isHeld(
  tx: StoreTransaction,
  space: SpaceId,
  item: Item,
  digests: ReadonlySet<ContentDigest>,
  isDeleted: boolean,
  landing: Landing,
): Promise<boolean> {
  const missing = new Set(digests);
  const state = (await tx.items.get(space, [item])).get(itemKey(item));
  let isGone = !isDeleted || state === undefined || state.content === null;
  let before: number | undefined;
  while (missing.size > 0 || !isGone) {
    const page = await tx.items.history(space, item, { limit: HISTORY_PAGE, ...(before === undefined ? {} : { before }) });
    for (const { content, position } of page) {
      if (content !== null) missing.delete(content.digest);
      else if (position === landing.position) isGone = true;
    }
    const oldest = page.at(-1);
    if (oldest === undefined || page.length < HISTORY_PAGE) break;
    before = oldest.position;
  }
  return missing.size === 0 && isGone;
}

/** Those of `commits` that a valid record before `position` landed, itself or carried. */
export async function landedBefore(
  tx: StoreTransaction,
  space: SpaceId,
  commits: readonly CommitKey[],
  position: number,
): Promise<Set<CommitKey>> {
  const landings = await landingsOf(tx, space, commits);
  return new Set([...landings].filter(([, landing]) => landing.position < position).map(([key]) => key));
}

/**
 * Those of our drafts of which our commits that came from the log, `own` by id and position, left nothing to land: who has a copy of this machine, or its key, may have signed something else under it. Cost: O(drafts), and the
 * history of the items of those that landed.
 */
export async function landedWhole(tx: StoreTransaction, space: SpaceId, own: ReadonlyMap<CommitId, number>): Promise<CommitId[]> {
  if (own.size === 0) return [];
  const drafts = new Map((await tx.drafts.list(space)).map((stored) => [stored.id, stored]));
  const landed: CommitId[] = [];
  for (const [id, position] of own) {
    const draft = drafts.get(id);
    if (draft !== undefined && (await isReached(tx, space, decodeDraft(draft), { how: 'itself', position }))) landed.push(id);
  }
  return landed;
}
