import type { Store } from '../../core/ports/store.ts';

/** A row that stands in the database of this machine's worker, which got it from elsewhere: as whose row it is known there. */
export interface StandingElsewhere {
  /** What it is by its content, as the feed says it. */
  readonly subject: string;
  readonly device: string;
  readonly local: string;
  /** The item that it is; `null` where the source of the database does not know. By its content alone it is not found once it is edited. */
  readonly name: string | null;
  /** When it was made, in milliseconds since 1970; 0 where an earlier version noted it. */
  readonly born: number;
}

const STANDING = 'claude-mem-standing';
/** By user: of what was noted nobody looked yet whether it is in the space still. */
const UNSEEN = 'claude-mem-standing-unseen';

/**
 * Notes, in place of what was noted before, rows of the worker's that the feed knows nothing of: it came from another node's feed. Told under
 * another name than that one's, they would be others to the worker. Durable when it resolves.
 */
export async function noteStanding(store: Store, user: string, rows: readonly StandingElsewhere[]): Promise<void> {
  const noted = rows.map(({ subject, device, local, name, born }) => [subject, device, local, name, born]);
  const isEmpty = (await store.read((tx) => tx.documents.get(STANDING, user))) === null;
  if (isEmpty && rows.length === 0) return;
  await store.write(async (tx) => {
    await (rows.length === 0 ? tx.documents.remove(STANDING, user) : tx.documents.put(STANDING, user, noted));
    await tx.documents.put(UNSEEN, user, true);
  });
}

/** Rows that were noted, with their items, once after each time: then {@link sawStanding}. */
export async function unseenStanding(store: Store, user: string): Promise<readonly (StandingElsewhere & { readonly name: string })[]> {
  if ((await store.read((tx) => tx.documents.get<boolean>(UNSEEN, user))) !== true) return [];
  const all = new Set((await readStanding(store, user)).values());
  return [...all].flatMap((row) => (row.name === null ? [] : [{ ...row, name: row.name }]));
}

/** Durable when it resolves. */
export async function sawStanding(store: Store, user: string): Promise<void> {
  if ((await store.read((tx) => tx.documents.get<boolean>(UNSEEN, user))) === true)
    await store.write((tx) => tx.documents.remove(UNSEEN, user));
}

/** By their items and by their subjects: neither looks like the other. O(what was noted). */
export async function readStanding(store: Store, user: string): Promise<ReadonlyMap<string, StandingElsewhere>> {
  const noted = await store.read((tx) => tx.documents.get<[string, string, string, (string | null)?, number?][]>(STANDING, user));
  const rows = (noted ?? []).map(([subject, device, local, name = null, born = 0]) => ({ subject, device, local, name, born }));
  return new Map(rows.flatMap((row) => [...(row.name === null ? [] : [[row.name, row] as const]), [row.subject, row] as const]));
}
