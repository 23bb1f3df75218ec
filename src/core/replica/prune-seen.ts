import type { SpaceId } from '../ids.ts';
import type { StoreTransaction } from '../ports/store.ts';

/**
 * When this node first saw which positions of a log, within an hour: what the age of a body is counted from, since
 * the clocks of others say nothing. One small document an hour in which records came.
 */
interface Sample {
  /** All positions up to this one were seen by `time`. */
  readonly position: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly startedAt: number;
}

const HOUR = 60 * 60 * 1000;
const NEWEST = 'seen';

/** Notes that the log was followed up to `position`. Positions seen before keep their time. */
export async function noteSeen(tx: StoreTransaction, space: SpaceId, position: number, now: number): Promise<void> {
  const newest = await tx.documents.get<Sample>(NEWEST, space);
  if (newest !== undefined && position <= newest.position) return;
  // A clock that was set back must not make records look older than those before them.
  const time = Math.max(now, newest?.time ?? now);
  const goesOn = newest !== undefined && time - newest.startedAt < HOUR;
  if (newest !== undefined && !goesOn) await tx.documents.put(`seen/${space}`, String(newest.position).padStart(16, '0'), newest);
  await tx.documents.put<Sample>(NEWEST, space, { position, time, startedAt: goesOn ? newest.startedAt : time });
}

/**
 * The greatest position that was seen at `time` or before, −1 for none. A position that a move of the home remote
 * took back and others took since counts from its first time: an hour's sample cannot tell them apart.
 */
export async function seenBefore(tx: StoreTransaction, space: SpaceId, time: number): Promise<number> {
  const older = (await tx.documents.list<Sample>(`seen/${space}`)).map((document) => document.value);
  const newest = await tx.documents.get<Sample>(NEWEST, space);
  const samples = newest === undefined ? older : [...older, newest];
  return samples.reduce((last, sample) => (sample.time <= time ? Math.max(last, sample.position) : last), -1);
}
