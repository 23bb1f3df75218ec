import { contentsOf } from '../change.ts';
import type { Content } from '../content.ts';
import type { ObjectId } from '../ids.ts';
import type { Item } from '../item.ts';
import type { StoreTransaction } from '../ports/store.ts';
import type { Replica } from './replica.ts';

/** What this node needs besides what the log says is current. */
export interface Pinned {
  readonly drafts: readonly Content[];
  /** What writers were last shown: merge bases. */
  readonly views: readonly Content[];
}

const PAGE = 1_000;

/** Every content that the log says is current: heads and open siblings. O(items), a page at a time. */
export async function liveContents(tx: StoreTransaction, replica: Replica): Promise<Content[]> {
  const contents: Content[] = [];
  let after: Item | undefined;
  for (;;) {
    const page = await tx.items.list(replica.space, { ...(after === undefined ? {} : { after }), limit: PAGE });
    for (const { content } of page) if (content !== null) contents.push(content);
    if (page.length < PAGE) break;
    after = page.at(-1)?.item;
  }
  for (const { content } of await tx.items.siblings(replica.space)) if (content !== null) contents.push(content);
  return contents;
}

/** O(views and changes in drafts). */
export async function pinnedContents(tx: StoreTransaction, replica: Replica): Promise<Pinned> {
  const views: Content[] = [];
  for (const writer of await tx.views.writers(replica.space)) {
    for (const { shown, intended } of await tx.views.list(replica.space, writer)) {
      if (shown !== null) views.push(shown);
      if (intended?.content != null) views.push(intended.content);
    }
  }
  const drafts = replica.drafts.flatMap((draft) => draft.changes).flatMap(contentsOf);
  return { drafts, views };
}

/** The objects that contents lie in: where an erase record replaced one, the other. */
export function objectsOf(contents: Iterable<Content>, replica: Replica, into: Set<ObjectId> = new Set()): Set<ObjectId> {
  for (const { pieces } of contents) {
    for (const { object } of pieces) into.add(replica.replacementOf(object));
  }
  return into;
}
