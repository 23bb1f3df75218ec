import type { Content, Piece } from '../content.ts';
import type { CommitId } from '../ids.ts';
import { itemKey } from '../item.ts';
import { LIMITS } from '../limits.ts';
import type { View } from '../ports/store.ts';
import type { Replica } from './replica.ts';
import type { WantedBody } from './sort-found.ts';
import { BodyUnavailable, type Found } from './workspace.ts';

/** Bodies of appended-to items are consolidated once their end is in so many small pieces. */
const SMALL_PIECE = LIMITS.chunkMin;

/**
 * Items of which only a tail was found, behind a body that this machine does not hold itself: it may be pruned or
 * erased everywhere before the draft has landed.
 */
export async function unheldBases(replica: Replica, found: readonly Found[], views: ReadonlyMap<string, View>): Promise<Set<string>> {
  const unheld = new Set<string>();
  for (const { type, item } of found) {
    const shown = type === 'tail' ? (views.get(itemKey(item))?.shown ?? null) : null;
    if (shown === null) continue;
    const objects = shown.pieces.map((piece) => piece.object);
    const here = await replica.deps.objects.has(replica.space, objects);
    const missing = objects.filter((id) => !here.has(id));
    // Keys fall with a home that falls back.
    const hasKeys = shown.pieces.every((piece) => replica.keys.epoch(piece.keyId) !== undefined);
    const isHeld =
      hasKeys && (missing.length === 0 || (missing.every((id) => replica.bodies.isReplaced(id)) && (await canRead(replica, shown))));
    if (!isHeld) unheld.add(itemKey(item));
  }
  return unheld;
}

/**
 * Items whose apply was interrupted, and that hold again what was shown before it. What is found of such a file may be
 * an edit of either body: made from what was shown it would silently undo the other, so it is made from nothing.
 */
export async function doubtfulBases(replica: Replica, views: ReadonlyMap<string, View>): Promise<Set<string>> {
  const interrupted = [...views.values()].filter(({ intended, shown }) => intended?.content != null && shown !== null);
  if (interrupted.length === 0) return new Set();
  const states = await replica.visible(interrupted.map(({ item }) => item));
  const isBack = ({ item, shown, intended }: View): boolean =>
    states.get(itemKey(item))?.content?.digest === shown?.digest && intended?.content?.digest !== shown?.digest;
  return new Set(interrupted.filter(isBack).map(({ item }) => itemKey(item)));
}

/**
 * The content that a found body is, its end consolidated where it lies in too many small pieces. Cost: O(pieces), at some 40 bytes each:
 * the view and the state are written with all of them for each line, 13 KB behind 50 MB.
 */
export async function contentOf(replica: Replica, wanted: WantedBody, pieces: readonly Piece[], commit: CommitId): Promise<Content> {
  const all = wanted.base === null ? pieces : [...wanted.base.pieces, ...pieces];
  const content = { digest: wanted.digest, size: wanted.size, attributes: wanted.attributes, pieces: all };
  const small = all.length - (all.findLastIndex((piece) => piece.length >= SMALL_PIECE) + 1);
  if (wanted.base === null || small <= LIMITS.tailPieces) return content;
  const kept = all.slice(0, all.length - small);
  const end = await replica.bodies.read(
    content,
    kept.reduce((sum, piece) => sum + piece.length, 0),
  );
  const [consolidated] = await replica.bodies.store([end], commit, replica.keyId);
  return { ...content, pieces: [...kept, ...(consolidated ?? [])] };
}

async function canRead(replica: Replica, content: Content): Promise<boolean> {
  try {
    await replica.bodies.read(content);
    return true;
  } catch (error) {
    if (error instanceof BodyUnavailable) return false;
    throw error;
  }
}
