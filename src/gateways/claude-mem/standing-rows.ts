import type { Store } from '../../core/ports/store.ts';

/** A row that stands in the database of this machine's worker, which got it from elsewhere: as whose row it is known there. */
export interface StandingElsewhere {
  /** What it is by its content, as the feed says it. */
  readonly subject: string;
  readonly device: string;
  readonly local: string;
}

const STANDING = 'claude-mem-standing';

/**
 * Notes, in place of what was noted before, rows of the worker's that the feed knows nothing of: it came from another node's feed. Told under
 * another name than that one's, they would be others to the worker. Durable when it resolves.
 */
export async function noteStanding(store: Store, user: string, rows: readonly StandingElsewhere[]): Promise<void> {
  const noted = rows.map(({ subject, device, local }) => [subject, device, local]);
  const isEmpty = (await store.read((tx) => tx.documents.get(STANDING, user))) === null;
  if (isEmpty && rows.length === 0) return;
  await store.write((tx) => (rows.length === 0 ? tx.documents.remove(STANDING, user) : tx.documents.put(STANDING, user, noted)));
}

/** By their subjects. O(what was noted). */
export async function readStanding(store: Store, user: string): Promise<ReadonlyMap<string, StandingElsewhere>> {
  const noted = await store.read((tx) => tx.documents.get<[string, string, string][]>(STANDING, user));
  return new Map((noted ?? []).map(([subject, device, local]) => [subject, { subject, device, local }]));
}
