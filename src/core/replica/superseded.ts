import type { Content } from '../content.ts';
import { commitKey, type CommitKey, type ContentDigest, type Revision, type SpaceId } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import { resultingRevision } from '../log/commit-codec.ts';
import type { Commit } from '../log/commit.ts';
import { decodeRecord, type LogRecord } from '../log/record.ts';
import type { StoreTransaction } from '../ports/store.ts';
import { carriers, HISTORY_PAGE, landingsOf, type Landing } from './landings.ts';
import { openCommit } from './open-commit.ts';
import type { Reland } from './reland.ts';
import type { Replica } from './replica.ts';
import type { ItemWish } from './wishes.ts';

/** A version that fell, or that a record carries which fell elsewhere. */
interface Version {
  readonly item: Item;
  readonly revision: Revision;
  /** What it was made from. */
  readonly base: Revision | null;
  /** `null`: a deletion. */
  readonly digest: ContentDigest | null;
  readonly commit: CommitKey;
}

/**
 * Revisions that fell, and from which others were made that are in the log again: directly, or by way of others that fell. A machine that did
 * not hold such a one landed the later one without it. What is landed of them by those who hold them belongs into the
 * history: merged as if the two had been made beside each other, it would open a conflict, or undo what was made of it. Of the items
 * that `waiting` changes. Cost: O(what fell and was not dropped, what was ever carried, and the items' history).
 */
export async function supersededRevisions(replica: Replica, waiting: readonly Reland[]): Promise<ReadonlySet<Revision>> {
  const items = new Set(waiting.flatMap(({ commit }) => commit.changes.map(({ item }) => itemKey(item))));
  const versions = (await versionsFallen(replica)).filter(({ item }) => items.has(itemKey(item)));
  const bases = new Map(versions.map(({ revision, base }) => [revision, base]));
  const superseded = new Set<Revision>();
  for (const { base } of await landedOf(replica, versions))
    for (let at = base; at !== null && !superseded.has(at); at = bases.get(at) ?? null) superseded.add(at);
  return superseded;
}

/** Wishes of a reland, of which those for superseded versions add to their items' histories and nothing else. */
export function behindWhatCame(wishes: readonly ItemWish[], { commit }: Reland, superseded: ReadonlySet<Revision>): ItemWish[] {
  if (superseded.size === 0) return [...wishes];
  const made = new Map<string, Revision>();
  for (const change of commit.changes)
    if (change.type === 'put' || change.type === 'delete') made.set(itemKey(change.item), resultingRevision(change));
  return wishes.flatMap((wish): ItemWish[] => {
    const revision = made.get(itemKey(wish.item));
    if (revision === undefined || !superseded.has(revision)) return [wish];
    const history: Content[] = wish.ours === null ? [...wish.history] : [...wish.history, wish.ours];
    return history.length === 0 ? [] : [{ item: wish.item, base: null, ours: null, history }];
  });
}

async function versionsFallen({ deps, space, keys }: Replica): Promise<Version[]> {
  const records = await deps.store.read(async (tx) => {
    const fallen = (await tx.logs.fallen(space)).filter(({ type }) => type === 'commit');
    const carrying: Uint8Array[] = [];
    for (const { id } of await tx.documents.list(carriers(space)))
      carrying.push(...(await tx.logs.read(space, Number(id), { records: 1, bytes: 1 })).map(({ bytes }) => bytes));
    return { fallen: fallen.map(({ bytes }) => bytes), carrying };
  });
  const open = async (bytes: Uint8Array): Promise<{ record: LogRecord; commit: Commit } | null> => {
    const record = decodeRecord(bytes);
    const commit = record.ok ? await openCommit(record.value, keys, deps.compression) : null;
    return record.ok && commit !== null ? { record: record.value, commit } : null;
  };
  const carried: Uint8Array[] = [];
  for (const bytes of records.carrying) carried.push(...((await open(bytes))?.commit.carried ?? []));
  const versions: Version[] = [];
  for (const bytes of [...records.fallen, ...carried]) {
    const opened = await open(bytes);
    if (opened === null) continue;
    const { signer, id } = opened.record.header;
    for (const change of opened.commit.changes) {
      if (change.type === 'keep' || change.type === 'resolve') continue;
      const { item, base } = change;
      const digest = change.type === 'delete' ? null : change.content.digest;
      versions.push({ item, revision: resultingRevision(change), base, digest, commit: commitKey(signer, id) });
    }
  }
  return versions;
}

/** Those that are in the log again. Cost: O(history of their items). */
async function landedOf({ deps, space }: Replica, versions: readonly Version[]): Promise<Version[]> {
  return deps.store.read(async (tx) => {
    const landings = await landingsOf(tx, space, [...new Set(versions.map(({ commit }) => commit))]);
    const claimed = versions.filter(({ commit }) => landings.has(commit));
    const held = new Map<string, Held>();
    for (const { item } of claimed) if (!held.has(itemKey(item))) held.set(itemKey(item), await heldOf(tx, space, item));
    const isHeld = ({ item, digest }: Version): boolean => digest !== null && (held.get(itemKey(item)) as Held).digests.has(digest);
    // Who carries a commit may have landed a part of it.
    const parted = new Set(claimed.filter((version) => version.digest !== null && !isHeld(version)).map(({ commit }) => commit));
    return claimed.filter((version) => {
      if (version.digest !== null) return isHeld(version);
      const { deletedAt, isGone } = held.get(itemKey(version.item)) as Held;
      // Of what never came to be in this log no record says that it was deleted. It may have been a rename, though, of which the other half is missing.
      return deletedAt.has((landings.get(version.commit) as Landing).position) || (isGone && !parted.has(version.commit));
    });
  });
}

interface Held {
  readonly digests: ReadonlySet<ContentDigest>;
  /** Positions of records that deleted it. */
  readonly deletedAt: ReadonlySet<number>;
  /** Not there now: deleted, or not in this log at all. */
  readonly isGone: boolean;
}

async function heldOf(tx: StoreTransaction, space: SpaceId, item: Item): Promise<Held> {
  const digests = new Set<ContentDigest>();
  const deletedAt = new Set<number>();
  const isGone = ((await tx.items.get(space, [item])).get(itemKey(item))?.content ?? null) === null;
  for (let before: number | undefined; ;) {
    const page = await tx.items.history(space, item, { limit: HISTORY_PAGE, ...(before === undefined ? {} : { before }) });
    for (const { content, position } of page)
      if (content === null) deletedAt.add(position);
      else digests.add(content.digest);
    before = page.at(-1)?.position;
    if (page.length < HISTORY_PAGE) return { digests, deletedAt, isGone };
  }
}
