import type { Content } from '../content.ts';
import type { ContentDigest, ObjectId } from '../ids.ts';
import type { View } from '../ports/store.ts';
import { liveContents } from './live-objects.ts';
import type { Replica } from './replica.ts';

/**
 * Views that show what is current, in objects of `dropped` (or that stand for such), name the objects that the log
 * names for it: theirs may be nowhere any more. Equal digests are equal bodies. Must run inside the replica’s queue.
 * Cost: O(items + views).
 */
export async function repointViews(replica: Replica, dropped: ReadonlySet<ObjectId>): Promise<void> {
  const { space } = replica;
  const isDropped = ({ pieces }: Content): boolean => pieces.some(({ object }) => replica.formsOf(object).some((id) => dropped.has(id)));
  await replica.deps.store.write(async (tx) => {
    const current = new Map<ContentDigest, Content>();
    for (const content of await liveContents(tx, replica)) if (!isDropped(content)) current.set(content.digest, content);
    const fresh = (content: Content): Content => {
      const live = isDropped(content) ? current.get(content.digest) : undefined;
      return live === undefined ? content : { ...content, pieces: live.pieces };
    };
    for (const writer of await tx.views.writers(space)) {
      const changed: View[] = [];
      for (const view of await tx.views.list(space, writer)) {
        const shown = view.shown === null ? null : fresh(view.shown);
        const intended = view.intended?.content == null ? null : fresh(view.intended.content);
        if (shown === view.shown && intended === (view.intended?.content ?? null)) continue;
        changed.push({ ...view, shown, intended: view.intended === null ? null : { content: intended } });
      }
      if (changed.length > 0) await tx.views.put(space, writer, changed);
    }
  });
}
