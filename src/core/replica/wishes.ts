import { siblingOf, type Change } from '../change.ts';
import type { Content, Piece } from '../content.ts';
import { attributesBytes } from '../content.ts';
import type { CommitId, Revision } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import { resultingRevision } from '../log/commit-codec.ts';
import { atomicGroupOf } from '../merge/atomic-group.ts';
import type { KindRegistry, Version } from '../merge/kind.ts';
import { settleByDigest, settleByMerge, type Settlement, type Wish } from '../merge/settle.ts';
import type { ItemState, Sibling } from '../ports/store.ts';
import type { Bodies } from './bodies.ts';
import { BodyUnavailable } from './workspace.ts';

export interface ItemWish extends Wish {
  readonly item: Item;
}

/** What the wishes meet: the items as they are now, their open siblings included. */
export interface Present {
  /** Looks up further items, for forks. */
  visible(items: readonly Item[]): Promise<Map<string, ItemState>>;
  siblings(item: Item): Promise<Sibling[]>;
}

export interface Granted {
  readonly changes: readonly Change[];
  /** Items that have a new open conflict. */
  readonly conflicts: readonly Item[];
  /** Items whose wish could not be granted in place, whether the conflict is new or was open already. */
  readonly denied: readonly Item[];
}

/**
 * Wishes → changes behind the present state: merged by kind, groups kept together, and with every body that was
 * captured still reachable as head, history or sibling. New bodies are stored under `commit` and `keyId`. Used for
 * captures (base: what the writer was shown) and for rebasing drafts (base: what the draft was made from).
 * Cost: O(wishes); bodies are read only where both sides changed.
 */
export async function grantWishes(
  wishes: readonly ItemWish[],
  present: Present,
  deps: { readonly kinds: KindRegistry; readonly bodies: Bodies; readonly commit: CommitId; readonly keyId: number },
): Promise<Granted> {
  const states = await present.visible(wishes.map((w) => w.item));
  const settled: { wish: ItemWish; current: ItemState | undefined; settlement: Settlement }[] = [];
  for (const wish of wishes) {
    const current = states.get(itemKey(wish.item));
    settled.push({ wish, current, settlement: await settle(wish, current?.content ?? null, deps) });
  }
  keepGroupsTogether(settled, deps.kinds);

  const changes: Change[] = [];
  const conflicts: Item[] = [];
  const denied: Item[] = [];
  // Forks come last: where one meets a change of the same commit under its new name, it keeps to its own item.
  const forksLast = settled.toSorted((a, b) => Number(a.settlement.type === 'forked') - Number(b.settlement.type === 'forked'));
  const changed = new Set<string>();
  for (const { wish, current, settlement } of forksLast) {
    const granted = await changesFor(wish, current, settlement, present, deps);
    const meets = settlement.type === 'forked' && granted.some(({ item }) => changed.has(itemKey(item)));
    const made = meets ? await keep(wish, current?.revision ?? null, present) : granted;
    for (const { item } of made) changed.add(itemKey(item));
    if (made.some((c) => c.type === 'keep')) conflicts.push(wish.item);
    if (settlement.type === 'conflict' || (settlement.type === 'forked' && made.every((c) => c.type === 'keep'))) denied.push(wish.item);
    changes.push(...made);
  }
  return { changes, conflicts, denied };
}

async function settle(
  wish: ItemWish,
  theirs: Content | null,
  deps: { readonly kinds: KindRegistry; readonly bodies: Bodies },
): Promise<Settlement> {
  const byDigest = settleByDigest(wish, theirs);
  if (byDigest !== undefined) return byDigest;
  try {
    const sides = await Promise.all([wish.base, theirs, wish.ours].map((content) => load(content, deps.bodies)));
    const [base, held, ours] = sides as [Version | null, Version, Version];
    return settleByMerge(deps.kinds.get(wish.item.kind), wish.item.name, { base, theirs: held, ours });
  } catch (error) {
    if (error instanceof BodyUnavailable) return { type: 'conflict', merged: null, reason: `a side cannot be read: ${error.message}` };
    throw error;
  }
}

async function load(content: Content | null, bodies: Bodies): Promise<Version | null> {
  return content === null ? null : { body: await bodies.read(content), attributes: content.attributes };
}

/** In an atomic group one conflict makes siblings of all that changed on our side: half a folder helps nobody. */
function keepGroupsTogether(settled: { wish: ItemWish; settlement: Settlement }[], kinds: KindRegistry): void {
  const groupOf = ({ wish }: { wish: ItemWish }): string | null => atomicGroupOf(wish.item, kinds);
  const torn = new Set(settled.filter((s) => s.settlement.type === 'conflict').map(groupOf));
  for (const entry of settled) {
    const group = groupOf(entry);
    if (group === null || !torn.has(group) || entry.settlement.type === 'nothing') continue;
    entry.settlement = { type: 'conflict', merged: null, reason: 'another member of its group is in conflict' };
  }
}

async function changesFor(
  wish: ItemWish,
  current: ItemState | undefined,
  settlement: Settlement,
  present: Present,
  deps: { readonly kinds: KindRegistry; readonly bodies: Bodies; readonly commit: CommitId; readonly keyId: number },
): Promise<Change[]> {
  const { item } = wish;
  const base = current?.revision ?? null;
  const held = current?.content ?? null;
  switch (settlement.type) {
    case 'nothing': {
      const lost = unreachable(wish, held);
      if (lost.length === 0) return [];
      return held === null ? revived(item, base, lost) : [put(item, base, held, lost)];
    }
    case 'ours':
      return wish.ours === null ? deletion(item, base, wish.history) : [putOrAppend(item, base, held, wish.ours, wish.history)];
    case 'merged':
      return [put(item, base, await storeVersion(settlement.version, deps), unreachable(wish, null))];
    case 'forked':
      return forked(wish, settlement.name, current, present, deps);
    case 'conflict': {
      const changes: Change[] = [];
      if (settlement.merged !== null) {
        const merged = await storeVersion(settlement.merged, deps);
        if (merged.digest !== held?.digest) changes.push(put(item, base, merged, []));
      }
      const revision = lastRevision(changes, base);
      return [...changes, ...(await keep(wish, revision, present))];
    }
  }
}

/** Captured bodies that neither the item's head nor the changes at hand would hold. */
function unreachable(wish: ItemWish, held: Content | null): Content[] {
  const settledByDigest = wish.ours?.digest === wish.base?.digest;
  const bodies = wish.ours === null || settledByDigest ? wish.history : [...wish.history, wish.ours];
  const seen = new Set([held?.digest, wish.base?.digest]);
  return bodies.filter((body) => !seen.has(body.digest) && seen.add(body.digest));
}

async function keep(wish: ItemWish, base: Revision | null, present: Present): Promise<Change[]> {
  const open = await present.siblings(wish.item);
  if (wish.history.length === 0 && open.some((s) => s.content?.digest === wish.ours?.digest)) return [];
  return [{ type: 'keep', item: wish.item, base, needs: [], content: wish.ours, history: wish.history }];
}

/** Ours goes on under the fork's name, behind what an earlier part of it left there. */
async function forked(
  wish: ItemWish,
  name: string,
  current: ItemState | undefined,
  present: Present,
  deps: { readonly kinds: KindRegistry; readonly bodies: Bodies; readonly commit: CommitId; readonly keyId: number },
): Promise<Change[]> {
  const item = { kind: wish.item.kind, name };
  const there = (await present.visible([item])).get(itemKey(item));
  if (there?.content?.digest === wish.ours?.digest) return [];
  if (there === undefined && wish.ours !== null) return [put(item, null, wish.ours, wish.history)];
  const again = { ...wish, item, base: null };
  const settlement = there === undefined || wish.ours === null ? null : await settle(again, there.content, deps);
  if (settlement === null || settlement.type === 'forked') return keep(wish, current?.revision ?? null, present);
  return changesFor(again, there, settlement, present, deps);
}

function put(item: Item, base: Revision | null, content: Content, history: readonly Content[]): Change {
  return { type: 'put', item, base, needs: [], content, history };
}

/** Bodies of an item that is deleted on both sides come back and go again, so that the log holds them. */
function revived(item: Item, base: Revision | null, lost: readonly Content[]): Change[] {
  const back = put(item, base, lost.at(-1) as Content, lost.slice(0, -1));
  return [back, { type: 'delete', item, base: lastRevision([back], base), needs: [] }];
}

function deletion(item: Item, base: Revision | null, history: readonly Content[]): Change[] {
  return history.length === 0 ? [{ type: 'delete', item, base, needs: [] }] : revived(item, base, history);
}

/** An append where ours is the held body and more, as its pieces show. */
function putOrAppend(item: Item, base: Revision | null, held: Content | null, ours: Content, history: readonly Content[]): Change {
  const tail = held === null || history.length > 0 ? null : tailAfter(held, ours);
  if (held === null || tail === null) return put(item, base, ours, history);
  return { type: 'append', item, base, needs: [], baseDigest: held.digest, baseSize: held.size, tail, content: ours };
}

/** The pieces of `longer` behind those of `content`; `null` where it does not begin with them, or nothing follows. */
export function tailAfter(content: Content, longer: Content): Piece[] | null {
  const begins = content.pieces.every((piece, index) => samePiece(piece, longer.pieces[index]));
  const sameAttributes = Buffer.from(attributesBytes(content.attributes)).equals(attributesBytes(longer.attributes));
  if (!begins || !sameAttributes || longer.pieces.length <= content.pieces.length) return null;
  return longer.pieces.slice(content.pieces.length);
}

function samePiece(a: Piece, b: Piece | undefined): boolean {
  return b !== undefined && a.object === b.object && a.offset === b.offset && a.length === b.length;
}

function lastRevision(changes: readonly Change[], base: Revision | null): Revision | null {
  const last = changes.at(-1);
  if (last === undefined) return base;
  if (last.type === 'keep') return siblingOf(last.item, last.base, last.content?.digest ?? null);
  return last.type === 'resolve' ? last.base : resultingRevision(last);
}

async function storeVersion(
  version: Version,
  deps: { readonly bodies: Bodies; readonly commit: CommitId; readonly keyId: number },
): Promise<Content> {
  const [pieces] = await deps.bodies.store([version.body], deps.commit, deps.keyId);
  return {
    digest: deps.bodies.digestOf(version.body, version.attributes),
    size: version.body.length,
    attributes: version.attributes,
    pieces: pieces ?? [],
  };
}
