import { contentsOf, type Change } from '../change.ts';
import type { Content } from '../content.ts';
import type { ContentDigest, ObjectId, SpaceId } from '../ids.ts';
import { itemKey } from '../item.ts';
import { atomicGroupOf } from '../merge/atomic-group.ts';
import type { KindRegistry } from '../merge/kind.ts';
import type { ObjectStore } from '../ports/objects.ts';
import type { ReplicaDeps } from './deps.ts';
import { keepsRest, withBodies, type Reland } from './reland.ts';

/** Of which items, and of which groups of them, the newest fallen body is not here. */
interface Lost {
  readonly items: ReadonlySet<string>;
  readonly groups: ReadonlySet<string | null>;
}

/**
 * Relands with what lies in objects that are not here taken from other copies that are: of what this machine captured in
 * the very words of another, the log named the other's. Cost: O(changes), and O(views) where something is not here.
 */
export async function withOwnCopies(
  { store, objects }: ReplicaDeps,
  space: SpaceId,
  relands: readonly Reland[],
  formsOf: (id: ObjectId) => readonly ObjectId[],
): Promise<Reland[]> {
  const isHere = await contentsHere(objects, space, relands.flatMap(allContents), formsOf);
  if (relands.flatMap(allContents).every(isHere)) return [...relands];
  const views = await store.read(async (tx) => {
    const writers = await tx.views.writers(space);
    return (await Promise.all(writers.map((writer) => tx.views.list(space, writer)))).flat();
  });
  const shown = views.flatMap((view) => [view.shown ?? [], view.intended?.content ?? []].flat());
  const isShownHere = await contentsHere(objects, space, shown, formsOf);
  const copies = new Map<ContentDigest, Content>();
  for (const content of relands.flatMap(allContents)) if (isHere(content)) copies.set(content.digest, content);
  for (const content of shown) if (isShownHere(content)) copies.set(content.digest, content);
  const fromCopy = async (content: Content): Promise<Content> => {
    const copy = isHere(content) ? undefined : copies.get(content.digest);
    return copy === undefined ? content : { ...content, pieces: copy.pieces };
  };
  return Promise.all(relands.map((reland) => withBodies(reland, fromCopy)));
}

/** Which of `contents` are here whole. Cost: O(pieces). */
export async function contentsHere(
  objects: ObjectStore,
  space: SpaceId,
  contents: readonly Content[],
  formsOf: (id: ObjectId) => readonly ObjectId[],
): Promise<(content: Content) => boolean> {
  const named = contents.flatMap(({ pieces }) => pieces.map(({ object }) => object));
  const here = await objects.has(space, [...new Set(named.flatMap(formsOf))]);
  return ({ pieces }) => pieces.every(({ object }) => formsOf(object).some((form) => here.has(form)));
}

function allContents({ commit, bases }: Reland): Content[] {
  return [...commit.changes.flatMap(contentsOf), ...bases.filter((base) => base !== null)];
}

/**
 * Relands with those bodies of absent authors' commits that are here: others cannot be landed by this machine, and stay
 * listed among the fallen records. Of a commit that left a body behind for good no deletion is taken, since it may have
 * been a rename, and nothing is settled. Of a group that would be torn, what is here is kept beside it. Our own keep their
 * changes. Whatever was made from a version that stays behind is made from what that one was made from: else it could not
 * be told from a change to an earlier version, which would take its place. `formsOf`: what may stand for an object. Cost: O(changes).
 */
export async function withBodiesHere(
  { objects, kinds }: ReplicaDeps,
  space: SpaceId,
  relands: readonly Reland[],
  formsOf: (id: ObjectId) => readonly ObjectId[],
): Promise<Reland[]> {
  const contents = relands.flatMap(({ commit }) => commit.changes.flatMap(contentsOf));
  const isHere = await contentsHere(objects, space, contents, formsOf);
  const lost = lostBodies(relands, isHere, kinds);
  const bases: BasesBehind = new Map();
  return relands.flatMap((reland) => {
    const made = partOf(reland, isHere, kinds, lost, bases);
    return made.commit.changes.length === 0 ? [] : [made];
  });
}

/** By item: what the newest version that stays behind was made from, where no later one lands. */
type BasesBehind = Map<string, Content | null>;

function lostBodies(relands: readonly Reland[], isHere: (content: Content) => boolean, kinds: KindRegistry): Lost {
  const newest = new Map<string, Change>();
  for (const change of relands.flatMap(({ commit }) => commit.changes))
    if (change.type === 'put' || change.type === 'delete') newest.set(itemKey(change.item), change);
  const lost = [...newest.values()].filter((change) => change.type === 'put' && !isHere(change.content));
  return {
    items: new Set(lost.map(({ item }) => itemKey(item))),
    groups: new Set(lost.map(({ item }) => atomicGroupOf(item, kinds)).filter((group) => group !== null)),
  };
}

function partOf(reland: Reland, isHere: (content: Content) => boolean, kinds: KindRegistry, lost: Lost, basesBehind: BasesBehind): Reland {
  const { commit } = reland;
  const isWhole = reland.record === null || commit.changes.every((change) => contentsOf(change).every(isHere));
  const leavesBehind = commit.changes.some(({ type, item }) => type === 'put' && lost.items.has(itemKey(item)));
  const [changes, bases]: [Change[], (Content | null)[]] = [[], []];
  for (const [index, change] of commit.changes.entries()) {
    const key = itemKey(change.item);
    const isVersion = change.type === 'put' || change.type === 'delete';
    const base = isVersion && basesBehind.has(key) ? (basesBehind.get(key) ?? null) : (reland.bases[index] ?? null);
    const isTorn = lost.groups.has(atomicGroupOf(change.item, kinds));
    const made = isWhole ? change : heldPart(change, isHere, { isTorn, leavesBehind });
    if (made?.type === 'delete' || (made?.type === 'put' && isHere(made.content))) basesBehind.delete(key);
    else if (isVersion) basesBehind.set(key, base);
    if (made === null) continue;
    changes.push(made);
    bases.push(made.type === 'keep' ? null : base);
  }
  return { ...reland, bases, commit: { ...commit, changes } };
}

function heldPart(
  change: Change,
  isHere: (content: Content) => boolean,
  { isTorn, leavesBehind }: { readonly isTorn: boolean; readonly leavesBehind: boolean },
): Change | null {
  if (change.type === 'delete') return isTorn || leavesBehind ? null : change;
  if (change.type === 'resolve') return leavesBehind ? null : change;
  const history = change.type === 'append' ? [] : change.history.filter(isHere);
  if (change.content !== null && !isHere(change.content)) return keepsRest(change, history);
  if (change.type === 'append') return change;
  return change.type === 'put' && isTorn ? keepsRest(change, [...history, change.content]) : { ...change, history };
}
