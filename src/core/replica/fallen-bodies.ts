import type { Change } from '../change.ts';
import type { Content } from '../content.ts';
import type { ObjectId, SpaceId } from '../ids.ts';
import { itemKey } from '../item.ts';
import { atomicGroupOf } from '../merge/atomic-group.ts';
import type { KindRegistry } from '../merge/kind.ts';
import type { ReplicaDeps } from './deps.ts';
import { keepsRest, objectsOfReland, type Reland } from './reland.ts';

/** Of which items, and of which groups of them, the newest fallen body is not here. */
interface Lost {
  readonly items: ReadonlySet<string>;
  readonly groups: ReadonlySet<string | null>;
}

/**
 * Relands with those bodies of absent authors' commits that are here: others cannot be landed by this machine, and stay
 * listed among the fallen records. Of a commit that left a body behind for good no deletion is taken, since it may have
 * been a rename, and nothing is settled. Of a group that would be torn, what is here is kept beside it. Our own stay as
 * they are. `formsOf`: what may stand for an object. Cost: O(changes).
 */
export async function withBodiesHere(
  { objects, kinds }: ReplicaDeps,
  space: SpaceId,
  relands: readonly Reland[],
  formsOf: (id: ObjectId) => readonly ObjectId[],
): Promise<Reland[]> {
  const here = await objects.has(space, [...new Set(relands.flatMap(objectsOfReland).flatMap(formsOf))]);
  const isHere = ({ pieces }: Content): boolean => pieces.every(({ object }) => formsOf(object).some((form) => here.has(form)));
  const lost = lostBodies(relands, isHere, kinds);
  /** What a body that is not here was made from: the next change of the item is made from that. */
  const bases = new Map<string, Content | null>();
  return relands.flatMap((reland) => {
    if (reland.record === null || reland.commit.changes.every((change) => contentsOf(change).every(isHere))) return [reland];
    const made = partOf(reland, isHere, kinds, lost, bases);
    return made.commit.changes.length === 0 ? [] : [made];
  });
}

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

function partOf(
  reland: Reland,
  isHere: (content: Content) => boolean,
  kinds: KindRegistry,
  lost: Lost,
  basesOfMissing: Map<string, Content | null>,
): Reland {
  const { commit } = reland;
  const leavesBehind = commit.changes.some(({ type, item }) => type === 'put' && lost.items.has(itemKey(item)));
  const [changes, bases]: [Change[], (Content | null)[]] = [[], []];
  for (const [index, change] of commit.changes.entries()) {
    const key = itemKey(change.item);
    const base = basesOfMissing.has(key) ? (basesOfMissing.get(key) ?? null) : (reland.bases[index] ?? null);
    const isTorn = lost.groups.has(atomicGroupOf(change.item, kinds));
    const made = heldPart(change, isHere, { isTorn, leavesBehind });
    if (change.type === 'put' && made?.type !== 'put') basesOfMissing.set(key, base);
    else if (change.type === 'put' || change.type === 'delete') basesOfMissing.delete(key);
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

function contentsOf(change: Change): Content[] {
  if (change.type === 'delete' || change.type === 'resolve') return [];
  const history = change.type === 'append' ? [] : change.history;
  return change.content === null ? [...history] : [change.content, ...history];
}
