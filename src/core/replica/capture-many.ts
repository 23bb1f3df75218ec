import type { Content } from '../content.ts';
import { itemKey, type Item } from '../item.ts';
import type { ContentDigest } from '../ids.ts';
import type { SealedBodies } from './body-sealing.ts';
import type { CommitNote } from '../log/commit.ts';
import type { View } from '../ports/store.ts';
import { KeyMissing } from './key-missing.ts';
import type { Replica } from './replica.ts';
import type { ItemWish } from './wishes.ts';

/** A body that one of many writers found in place of what it was shown. */
export interface FoundBy {
  readonly writer: string;
  readonly item: Item;
  readonly body: Uint8Array;
  /** Of the body without attributes. */
  readonly digest: ContentDigest;
  /**
   * From what it was made: what the writer was shown, what it was last given and maybe never got, nothing that it was shown (what it
   * lacks is no wish), or whatever the item is now (which it is to replace).
   */
  readonly made: 'shown' | 'intended' | 'nothing' | 'current';
}

/** Where more come at once they wait for one another, and a bundle of theirs is compressed in a fifth of the time. */
const FEW = 4;

/**
 * What can be done for {@link captureMany} before it is its turn: seals the bodies, and flushes them where that is safe. Never rejects;
 * `null` where it is left to that. Cost: O(bytes), and a flush.
 */
export async function sealForCapture(replica: Replica, found: readonly FoundBy[]): Promise<SealedBodies | null> {
  const bodies = found.map(({ body }) => body);
  const effort = found.length > FEW ? 'fast' : undefined;
  return replica.canWrite ? replica.bodies.storeAhead(bodies, () => replica.newCommitId(), replica.keyId, effort) : null;
}

/**
 * Like {@link Workspace.capture}, of bodies that several writers found at the same time: one commit, one transaction. Each item
 * once. All or nothing; durable when it resolves. `ahead`: what {@link sealForCapture} made of the same. Cost: O(bytes), and one flush
 * however many writers there are.
 */
export async function captureMany(
  replica: Replica,
  found: readonly FoundBy[],
  note: Omit<CommitNote, 'time'>,
  ahead: SealedBodies | null = null,
): Promise<void> {
  await replica.exclusive(async () => {
    await replica.settle();
    if (!replica.canWrite) throw new KeyMissing('this machine cannot write to the space now');
    const { store } = replica.deps;
    const views = await store.read((tx) => Promise.all(found.map(({ writer, item }) => tx.views.get(replica.space, writer, [item]))));
    const current = await replica.visible(found.filter(({ made }) => made === 'current').map(({ item }) => item));
    const wanted: Wanted[] = [];
    const written = new Map<string, View[]>();
    const write = (writer: string, view: View): void => void written.set(writer, [...(written.get(writer) ?? []), view]);
    for (const [index, entry] of found.entries()) {
      const view = views[index]?.get(itemKey(entry.item));
      const [shown, intended] = [view?.shown ?? null, view?.intended?.content ?? null];
      const { digest } = entry;
      const bases = { shown, intended: intended ?? shown, nothing: null, current: current.get(itemKey(entry.item))?.content ?? null };
      const base = bases[entry.made];
      // What is again as it was before it was given something else is a change of that.
      const known = intended?.digest === digest ? intended : base?.digest === digest ? base : null;
      if (known === null) wanted.push({ entry, base });
      else write(entry.writer, shownAs(entry.item, known));
    }
    const commit = ahead?.commit ?? replica.newCommitId();
    const bodies = wanted.map(({ entry }) => entry.body);
    const pieces = await replica.bodies.store(bodies, commit, replica.keyId, new Set(), ahead);
    const wishes: ItemWish[] = wanted.map(({ entry: { writer, item, body, digest }, base }, index) => {
      const ours = { digest, size: body.length, attributes: {}, pieces: pieces[index] ?? [] };
      write(writer, shownAs(item, ours));
      return { item, base, ours, history: [] };
    });
    await replica.draft(wishes, note, commit, async (tx) => {
      for (const [writer, shown] of written) await tx.views.put(replica.space, writer, shown);
    });
  });
}

interface Wanted {
  readonly entry: FoundBy;
  readonly base: Content | null;
}

function shownAs(item: Item, shown: Content): View {
  return { item, shown, intended: null, notHere: null, local: null };
}
