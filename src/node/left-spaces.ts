import type { SpaceId } from '../core/ids.ts';
import type { Store } from '../core/ports/store.ts';
import { LEFT_SPACES } from './space-registry.ts';

/** A space that this machine took part in until it left. */
export interface LeftSpace {
  readonly space: SpaceId;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export function noteLeft(store: Store, left: LeftSpace): Promise<void> {
  return store.write((tx) => tx.documents.put(LEFT_SPACES, left.space, left));
}

/** Those that it did not join again; the last one that it left first. */
export async function listLeft(store: Store): Promise<LeftSpace[]> {
  const all = await store.read((tx) => tx.documents.list<LeftSpace>(LEFT_SPACES));
  return all.map(({ value }) => value).sort((a, b) => b.at - a.at || (a.name < b.name ? -1 : 1));
}
