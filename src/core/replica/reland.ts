import type { Change } from '../change.ts';
import type { Content } from '../content.ts';
import type { SpaceKeys } from '../crypto/space-keys.ts';
import { commitKey, type CommitId, type CommitKey, type MachineId, type ObjectId, type Revision, type SpaceId } from '../ids.ts';
import { itemKey } from '../item.ts';
import { carriedKey } from '../log/carried.ts';
import { decodeCommit, encodeCommit, piecesNamed, resultingRevision } from '../log/commit-codec.ts';
import type { Commit } from '../log/commit.ts';
import { decodeRecord } from '../log/record.ts';
import type { StoreTransaction } from '../ports/store.ts';
import type { Bodies } from './bodies.ts';
import type { ReplicaDeps } from './deps.ts';
import type { Collapsed } from './rebase.ts';
import { openCommit } from './open-commit.ts';
import type { ItemWish } from './wishes.ts';
import { BodyUnavailable } from './workspace.ts';

/**
 * A commit that a move of the home remote left behind (or a draft that stood on such a one), as wishes that can be
 * made again: with the bodies that it was made from, since the revisions that held them are gone. Kept durably until
 * it landed.
 */
export interface Reland {
  /** Of the lost commit. */
  readonly id: CommitId;
  readonly commit: Commit;
  /** What each put, append or delete was made from, in the order of `commit.changes`; `null` for the others. */
  readonly bases: readonly (Content | null)[];
  /** The lost record, where another machine signed it: it travels along as evidence. `null` for our own. */
  readonly record: Uint8Array | null;
}

interface StoredReland {
  readonly id: CommitId;
  readonly commit: string;
  readonly bases: string;
  readonly record: string | null;
}

const NO_OBJECTS = { objects: [], keyId: 0 };

/**
 * Reads the commits behind `position` and the given drafts as relands, in order. Void records had no effect and have
 * none now.
 */
export async function readRelands(
  deps: ReplicaDeps,
  space: SpaceId,
  keys: SpaceKeys,
  position: number,
  drafts: readonly Commit[],
): Promise<Reland[]> {
  const contents = new Map<Revision, Content | null>();
  const relands: Reland[] = [];
  const lost = await lostCommits(deps, space, keys, position);
  for (const { commit, record } of [...lost, ...drafts.map((draft) => ({ commit: draft, record: null }))]) {
    const full = await withContents(deps, space, commit, contents);
    const bases: (Content | null)[] = [];
    for (const change of full.changes) bases.push(await baseOf(deps, space, change, contents));
    relands.push({ id: commit.id, commit: full, bases, record });
  }
  return relands;
}

async function lostCommits(
  deps: ReplicaDeps,
  space: SpaceId,
  keys: SpaceKeys,
  position: number,
): Promise<{ commit: Commit; record: Uint8Array | null }[]> {
  const commits: { commit: Commit; record: Uint8Array | null }[] = [];
  const stored = await deps.store.read(async (tx) => {
    const head = await tx.logs.head(space);
    return tx.logs.read(space, position + 1, { records: Math.max(1, (head?.position ?? 0) - position), bytes: Number.MAX_SAFE_INTEGER });
  });
  for (const row of stored) {
    const record = decodeRecord(row.bytes);
    if (!record.ok || record.value.header.type !== 'commit') continue;
    if ((await deps.store.read((tx) => tx.documents.get(`voids/${space}`, String(row.position)))) !== undefined) continue;
    const commit = await openCommit(record.value, keys, deps.compression);
    if (commit === null) continue;
    const isOwn = record.value.header.signer === deps.machine.key.machine;
    commits.push({ commit, record: isOwn ? null : row.bytes });
  }
  return commits;
}

/**
 * Relands with all bodies under epoch keys up to `keyId`: the log falls back to a point before later epochs, whose keys
 * nobody could prove any more. Cost: O(bytes of bodies under later keys).
 */
export async function resealRelands(relands: readonly Reland[], bodies: Bodies, keyId: number): Promise<Reland[]> {
  const resealed: Reland[] = [];
  // What an erase record put in an object's place falls with the record.
  const staysAsItIs = ({ pieces }: Content): boolean => pieces.every((piece) => piece.keyId <= keyId && !bodies.isReplaced(piece.object));
  for (const reland of relands)
    resealed.push(await resealBodies(reland, bodies, keyId, (content) => (staysAsItIs(content) ? 'as it is' : content)));
  return resealed;
}

/**
 * A reland with bodies sealed anew, where they can be read. `from` says where each is read; `null`: it cannot be had any more.
 * Throws BodyUnavailable while offline. O(bytes of them).
 */
export async function resealBodies(
  reland: Reland,
  bodies: Bodies,
  keyId: number,
  from: (content: Content) => Content | 'as it is' | null,
): Promise<Reland> {
  return withBodies(reland, async (content) => {
    const source = from(content);
    if (source === 'as it is') return content;
    const body = source === null ? null : await readIfThere(source, bodies);
    if (body === null) return null;
    const [pieces] = await bodies.store([body], reland.id, keyId);
    return { ...content, pieces: pieces ?? [] };
  });
}

/** Relands without the bodies of which objects `isGone`: pruned or erased before the log fell back. */
export async function withoutGone(relands: readonly Reland[], isGone: (id: ObjectId) => boolean): Promise<Reland[]> {
  const fresh = async (content: Content): Promise<Content | null> => (content.pieces.some(({ object }) => isGone(object)) ? null : content);
  return Promise.all(relands.map((reland) => withBodies(reland, fresh)));
}

/** Objects that a reland's changes name, each once. */
export function objectsOfReland({ commit }: Reland): ObjectId[] {
  return [...new Set(commit.changes.flatMap(piecesNamed).map((piece) => piece.object))];
}

/** The reland with each body as `fresh` gives it back; `null`: it cannot be had any more. */
export async function withBodies(reland: Reland, fresh: (content: Content) => Promise<Content | null>): Promise<Reland> {
  const freshChange = async (change: Change): Promise<Change | null> => {
    if (change.type !== 'put' && change.type !== 'keep') return change;
    const content = change.content === null ? null : await fresh(change.content);
    const history = (await Promise.all(change.history.map(fresh))).filter((c) => c !== null);
    if (content === null && change.content !== null) return keepsRest(change, history);
    return change.type === 'put' ? { ...change, history, content: content as Content } : { ...change, history, content };
  };
  const [changes, bases]: [Change[], (Content | null)[]] = [[], []];
  for (const [index, change] of reland.commit.changes.entries()) {
    const made = await freshChange(change);
    if (made === null) continue;
    changes.push(made);
    const base = reland.bases[index] ?? null;
    // Without its base a change is made from nothing: both sides stay.
    bases.push(base === null || made.type === 'keep' ? null : await fresh(base));
  }
  return { ...reland, bases, commit: { ...reland.commit, changes } };
}

/** A body that this machine took over from another's, and that was lost with the home, is the other's to bring again. */
async function readIfThere(content: Content, bodies: Bodies): Promise<Uint8Array | null> {
  try {
    return await bodies.read(content);
  } catch (error) {
    if (error instanceof BodyUnavailable && error.reason !== 'offline') return null;
    throw error;
  }
}

/** Of a change whose own body cannot stand: the bodies that were collapsed into it, as a sibling. */
export function keepsRest({ item, base }: Change, history: readonly Content[]): Extract<Change, { type: 'keep' }> | null {
  const content = history.at(-1);
  return content === undefined ? null : { type: 'keep', item, base, needs: [], content, history: history.slice(0, -1) };
}

/** Appends as puts of the whole content; notes what every revision made here holds. */
async function withContents(deps: ReplicaDeps, space: SpaceId, commit: Commit, contents: Map<Revision, Content | null>): Promise<Commit> {
  const changes: Change[] = [];
  for (const change of commit.changes) {
    if (change.type !== 'append') {
      if (change.type === 'put') contents.set(resultingRevision(change), change.content);
      if (change.type === 'delete') contents.set(resultingRevision(change), null);
      changes.push(change);
      continue;
    }
    const revision = resultingRevision(change);
    const isWhole = change.content.pieces.reduce((sum, piece) => sum + piece.length, 0) === change.content.size;
    const content = isWhole ? change.content : await contentAt(deps, space, revision, contents);
    contents.set(revision, content);
    if (content !== null) changes.push({ type: 'put', item: change.item, base: change.base, needs: change.needs, content, history: [] });
  }
  return { ...commit, changes };
}

async function baseOf(
  deps: ReplicaDeps,
  space: SpaceId,
  change: Change,
  contents: ReadonlyMap<Revision, Content | null>,
): Promise<Content | null> {
  if (change.base === null || change.type === 'keep' || change.type === 'resolve') return null;
  return contentAt(deps, space, change.base, contents);
}

async function contentAt(
  deps: ReplicaDeps,
  space: SpaceId,
  revision: Revision,
  contents: ReadonlyMap<Revision, Content | null>,
): Promise<Content | null> {
  const known = contents.get(revision);
  if (known !== undefined) return known;
  const [entry] = await deps.store.read((tx) => tx.items.findRevision(space, revision));
  return entry?.content ?? null;
}

/** Which commit was lost. `machine` is this one. */
export function relandKey({ id, record }: Reland, machine: MachineId): CommitKey {
  if (record === null) return commitKey(machine, id);
  const key = carriedKey(record);
  if (key === null) throw new Error('a commit to land again is damaged in the store; run: satchel store verify');
  return key;
}

/** Relands as the wishes of one commit each. */
export function relandToWishes(reland: Reland): Collapsed {
  const wishes = new Map<string, ItemWish>();
  const keeps: Extract<Change, { type: 'keep' }>[] = [];
  const resolves: Extract<Change, { type: 'resolve' }>[] = [];
  reland.commit.changes.forEach((change, index) => {
    if (change.type === 'keep') keeps.push(change);
    else if (change.type === 'resolve') resolves.push(change);
    else if (change.type !== 'append') {
      const key = `${change.item.kind}\0${change.item.name}`;
      const before = wishes.get(key);
      const passed = before?.ours == null ? [] : [before.ours];
      wishes.set(key, {
        item: change.item,
        base: before === undefined ? (reland.bases[index] ?? null) : before.base,
        ours: change.type === 'put' ? change.content : null,
        history: [...(before?.history ?? []), ...passed, ...(change.type === 'put' ? change.history : [])],
      });
    }
  });
  return { wishes: [...wishes.values()], keeps, resolves };
}

/** Their collection of documents. */
export const relandsOf = (space: SpaceId): string => `relands/${space}`;

/** Collection: by space, that what fell with its log was not gone through since, to land again. */
export const UNLANDED = 'unlanded';

/**
 * Items, by `itemKey`, of which the log says something earlier for now: it fell, and nobody went through what is to land again. What is in place of
 * them stays there meanwhile. Cost: one look-up where nothing fell just now, else O(relands).
 */
export async function itemsUnlanded(tx: StoreTransaction, space: SpaceId): Promise<ReadonlySet<string>> {
  if ((await tx.documents.get(UNLANDED, space)) === undefined) return new Set();
  return new Set((await listRelands(tx, space)).flatMap(({ reland }) => reland.commit.changes.map(({ item }) => itemKey(item))));
}

/** Ids of documents keep the order of the relands. */
export async function putRelands(tx: StoreTransaction, space: SpaceId, relands: readonly Reland[]): Promise<void> {
  if (relands.length > 0) await tx.documents.put(UNLANDED, space, {});
  const waiting = await tx.documents.list(relandsOf(space));
  const taken = waiting.reduce((next, { id }) => Math.max(next, Number(id) + 1), 0);
  for (const [index, reland] of relands.entries()) {
    await tx.documents.put(relandsOf(space), String(taken + index).padStart(9, '0'), encodeReland(reland));
  }
}

function encodeReland(reland: Reland): StoredReland {
  return {
    id: reland.id,
    commit: toBase64(encodeCommit(reland.commit, NO_OBJECTS)),
    bases: toBase64(encodeCommit({ ...reland.commit, changes: basesAsChanges(reland), carried: [] }, NO_OBJECTS)),
    record: reland.record === null ? null : toBase64(reland.record),
  };
}

export async function listRelands(tx: StoreTransaction, space: SpaceId): Promise<{ readonly key: string; readonly reland: Reland }[]> {
  return (await tx.documents.list<StoredReland>(relandsOf(space))).map(({ id, value }) => ({ key: id, reland: parseReland(value) }));
}

/** Another reland in the place of one: the part of it that waits. */
export function replaceReland(tx: StoreTransaction, space: SpaceId, key: string, reland: Reland): Promise<void> {
  return tx.documents.put(relandsOf(space), key, encodeReland(reland));
}

export function removeReland(tx: StoreTransaction, space: SpaceId, key: string): Promise<void> {
  return tx.documents.remove(relandsOf(space), key);
}

function basesAsChanges(reland: Reland): Change[] {
  return reland.commit.changes.map((change, index) => {
    const content = reland.bases[index] ?? null;
    return content === null
      ? { type: 'delete', item: change.item, base: null, needs: [] }
      : { type: 'put', item: change.item, base: null, needs: [], content, history: [] };
  });
}

function parseReland(stored: StoredReland): Reland {
  const commit = decodeCommit(Buffer.from(stored.commit, 'base64'), stored.id, NO_OBJECTS);
  const bases = decodeCommit(Buffer.from(stored.bases, 'base64'), stored.id, NO_OBJECTS);
  if (!commit.ok || !bases.ok) throw new Error('a commit to land again is damaged in the store; run: satchel store verify');
  return {
    id: stored.id,
    commit: commit.value,
    bases: bases.value.changes.map((change) => (change.type === 'put' ? change.content : null)),
    record: stored.record === null ? null : Buffer.from(stored.record, 'base64'),
  };
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
