import { sha256Hex } from '../../core/crypto/hash.ts';
import { ZERO_HASH, type SpaceId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { BucketIndex } from './bucket-index.ts';
import type { DecodedEntry } from './index-entry.ts';
import { changesOf } from './index-restart.ts';

/** Milliseconds for which a node keeps what it knew before a restart, and leaves packs that nobody names where they are. */
const KEPT = 7 * 24 * 60 * 60 * 1000;

/**
 * Where the index keeps what this node knew of a space before a restart by another, who may have known less: what lies in packs that are
 * still there is found by it when it is asked for.
 */
export function knownBefore(space: SpaceId): SpaceId {
  return sha256Hex(`what was known of ${space}`) as SpaceId;
}

/** Takes a restart, and keeps what was known until then. O(objects of the space). */
export function takeRestart(index: BucketIndex, space: SpaceId, restart: DecodedEntry, clock: Clock): void {
  const before = knownBefore(space);
  if (restart.entry.position <= index.head(space).position) return;
  if (!isRestartedLately(index, space, clock)) index.forget(before);
  for (const { blobs } of changesOf(index, space)) {
    const { position, hash } = index.head(before);
    const change = { type: 'restated' as const, blobs };
    index.apply(before, {
      entry: { space: before, position: position + 1, previous: hash, nonce: '', change },
      hash: ZERO_HASH,
      dataAt: 0,
    });
  }
  index.setNote(`restart/${space}`, String(clock.now()));
  index.apply(space, restart);
}

/** Whether packs that no entry names may still be found by what some node knew before. */
export function isRestartedLately(index: BucketIndex, space: SpaceId, clock: Clock): boolean {
  const at = index.note(`restart/${space}`);
  return at !== null && Math.abs(clock.now() - Number(at)) < KEPT;
}
