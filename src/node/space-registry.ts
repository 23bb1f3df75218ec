import type { SpaceId } from '../core/ids.ts';
import type { RemoteDescriptor } from '../core/joining/link.ts';
import type { Store } from '../core/ports/store.ts';

/** Name of the space that a person's own things are in. */
export const PERSONAL = 'personal';

/** A space that this machine takes part in. */
export interface SpaceEntry {
  readonly space: SpaceId;
  /** Shown to people; `personal` is a person's own. */
  readonly name: string;
  /** Where its log is ordered; `null`: at this node itself. */
  readonly remote: RemoteDescriptor | null;
  readonly addedAt: number;
  /** Whether the recovery key was shown on a terminal; `false` only on the machine that made it. */
  readonly recoveryShown: boolean;
}

const SPACES = 'spaces';
/** Spaces that this machine left. */
export const LEFT_SPACES = 'left-spaces';

export function listSpaces(store: Store): Promise<SpaceEntry[]> {
  return store.read(async (tx) => (await tx.documents.list<SpaceEntry>(SPACES)).map((d) => d.value));
}

export function putSpace(store: Store, entry: SpaceEntry): Promise<void> {
  return store.write(async (tx) => {
    await tx.documents.put(SPACES, entry.space, entry);
    if ((await tx.documents.get(LEFT_SPACES, entry.space)) !== undefined) await tx.documents.remove(LEFT_SPACES, entry.space);
  });
}

export function removeSpace(store: Store, space: SpaceId): Promise<void> {
  return store.write((tx) => tx.documents.remove(SPACES, space));
}
