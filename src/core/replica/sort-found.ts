import type { Content } from '../content.ts';
import { bodySha256 } from '../crypto/body-hash.ts';
import type { ContentDigest } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import type { View } from '../ports/store.ts';
import type { Replica } from './replica.ts';
import type { ItemWish } from './wishes.ts';
import type { Found } from './workspace.ts';

/** A body that was found and is stored nowhere yet. */
export interface WantedBody {
  readonly item: Item;
  /** What is new: the whole body, or the tail behind `base`. */
  readonly bytes: Uint8Array;
  readonly base: Content | null;
  readonly shown: Content | null;
  readonly digest: ContentDigest;
  readonly size: number;
  readonly attributes: Content['attributes'];
  readonly local: string | null;
}

/** Parts what was found into views to update, bodies to store, and deletions wished for. */
export function sortFound(
  replica: Replica,
  found: readonly Found[],
  views: ReadonlyMap<string, View>,
  unheldBases: ReadonlySet<string>,
): { views: View[]; bodies: WantedBody[]; absent: ItemWish[] } {
  const sorted = { views: [] as View[], bodies: [] as WantedBody[], absent: [] as ItemWish[] };
  for (const entry of found) {
    const view = views.get(itemKey(entry.item)) ?? unseen(entry.item);
    switch (entry.type) {
      case 'same':
        // It stands there: what was not here, for whatever reason, is.
        sorted.views.push({ ...view, intended: null, notHere: null, local: entry.local });
        break;
      case 'absent':
        sortAbsent(replica, entry.item, view, sorted);
        break;
      case 'body':
      case 'tail':
        // A tail is no body without what it follows: without its note the file is read whole next time.
        if (entry.type === 'tail' && unheldBases.has(itemKey(entry.item))) sorted.views.push({ ...view, local: null });
        else sortBody(replica, entry, view, sorted);
    }
  }
  return sorted;
}

function sortBody(
  replica: Replica,
  entry: Extract<Found, { type: 'body' | 'tail' }>,
  view: View,
  sorted: { views: View[]; bodies: WantedBody[] },
): void {
  const hash = entry.type === 'body' ? bodySha256(entry.body) : entry.sha256;
  const digest = replica.bodies.digest(hash, entry.attributes);
  const intended = view.intended?.content;
  if (intended?.digest === digest || view.shown?.digest === digest) {
    const shown = intended?.digest === digest ? intended : view.shown;
    sorted.views.push({ item: entry.item, shown, intended: null, notHere: null, local: entry.local });
    return;
  }
  const { item, attributes, local } = entry;
  if (entry.type === 'body') {
    sorted.bodies.push({ item, attributes, local, digest, bytes: entry.body, base: null, shown: view.shown, size: entry.body.length });
    return;
  }
  if (view.shown === null || view.shown.size !== entry.baseSize)
    throw new Error('a tail was found behind another body than the view shows');
  sorted.bodies.push({
    item,
    attributes,
    local,
    digest,
    bytes: entry.tail,
    base: view.shown,
    shown: view.shown,
    size: entry.baseSize + entry.tail.length,
  });
}

function sortAbsent(replica: Replica, item: Item, view: View, sorted: { views: View[]; absent: ItemWish[] }): void {
  if (view.notHere !== null) return;
  const wasApplied = view.intended !== null && view.intended.content === null;
  if (view.shown === null && !wasApplied) return;
  if (!wasApplied && replica.deps.kinds.get(item.kind)?.deletable !== true) {
    sorted.views.push({ ...view, intended: null, notHere: 'removed here; the space keeps it' });
    return;
  }
  sorted.views.push({ item, shown: null, intended: null, notHere: null, local: null });
  if (!wasApplied) sorted.absent.push({ item, base: view.shown, ours: null, history: [] });
}

/** Of what was never shown. */
export function unseen(item: Item): View {
  return { item, shown: null, intended: null, notHere: null, local: null };
}
