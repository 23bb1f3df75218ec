import type { SpaceId } from '../core/ids.ts';
import type { Replica } from '../core/replica/replica.ts';
import type { FirstApply, FirstApplyNote } from '../sources/first-apply/first-apply-workspace.ts';

/** How far each writer of a space is with its first apply: of the folders of this machine, and no other's. */
export const firstApplyNotes = (space: SpaceId): string => `first-apply/${space}`;

export function firstApplyNote({ deps: { store }, space }: Replica, writer: string): FirstApplyNote {
  const collection = firstApplyNotes(space);
  return {
    read: async () => (await store.read((tx) => tx.documents.get<{ readonly state: FirstApply }>(collection, writer)))?.state ?? 'new',
    write: (state) => store.write((tx) => tx.documents.put(collection, writer, { state })),
  };
}
