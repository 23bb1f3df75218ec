import type { Store } from '../../core/ports/store.ts';
import { firstApplyNotes } from '../first-apply-note.ts';
import { stateNotes } from '../../sources/sqlite-rows/row-past.ts';
import { keptNotes, settledNotes } from '../../core/replica/writer-notes.ts';

/**
 * Takes out of a store what belonged to the home that it came from. Files are compared anew: one that is missing here
 * comes back instead of counting as deleted, and what stands here is not written over before somebody said yes. What gateways served begins anew: the other store may have served more, or
 * go on. `invitations`: whoever holds a link of the old machine would meet another.
 */
export async function forgetPlace(store: Store, options: { readonly invitations: boolean; readonly now: number }): Promise<void> {
  await store.write(async (tx) => {
    for (const space of await tx.logs.spaces()) {
      for (const writer of await tx.views.writers(space)) await tx.views.clear(space, writer);
      for (const notes of [settledNotes(space), keptNotes(space), firstApplyNotes(space), stateNotes(space)])
        for (const { id } of await tx.documents.list(notes)) await tx.documents.remove(notes, id);
    }
    await tx.feeds.renewEpochs(options.now);
    if (!options.invitations) return;
    for (const { id } of await tx.documents.list('invitations')) await tx.documents.remove('invitations', id);
  });
}
