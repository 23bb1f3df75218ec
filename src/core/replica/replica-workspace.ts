import type { Content } from '../content.ts';
import type { ContentDigest } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import { LIMITS } from '../limits.ts';
import type { CommitNote } from '../log/commit.ts';
import type { ItemState, StoreTransaction, View } from '../ports/store.ts';
import { RemoteError } from '../ports/remote.ts';
import type { SealedBodies } from './body-sealing.ts';
import { createFewViews } from './few-views.ts';
import { contentOf, doubtfulBases, unheldBases } from './found-bases.ts';
import { foundBatches } from './found-batches.ts';
import { KeyMissing } from './key-missing.ts';
import { landWaiting } from './land-again.ts';
import { createLookedAt } from './looked-at.ts';
import type { Replica } from './replica.ts';
import { sortFound, unseen } from './sort-found.ts';
import type { ItemWish } from './wishes.ts';
import { keptNotes, settledNotes } from './writer-notes.ts';
import type { Applied, CaptureReport, Found, Outstanding, Workspace } from './workspace.ts';

export interface WorkspaceOptions {
  readonly writer: string;
  /** Which items this writer shows at all. */
  readonly covers: (item: Item) => boolean;
  /** Stands for `covers`: where it is the same as before, so is what is covered. Without it nothing is remembered. */
  readonly scope?: string;
}

interface SettledNote {
  readonly head: string;
  readonly scope: string;
}

/** What some items are in the space (missing: deleted, or never there) and as shown, by `itemKey`. */
interface Looked {
  readonly states: ReadonlyMap<string, Pick<ItemState, 'content'>>;
  readonly views: ReadonlyMap<string, View>;
  readonly candidates: readonly Item[];
}

/** Of these the views are remembered. */
const FEW_NAMES = 64;
/** One commit's header names every chunk of every body in it. */
const BODY_LIMIT = Math.min(LIMITS.bodyBytes, (LIMITS.objectsPerRecord / 2) * LIMITS.chunkMin);

export interface ReplicaWorkspace extends Workspace {
  /**
   * A note of the writer's on all of its views: gone as soon as one is written. `since`: what `writes` was before they were
   * looked at; where views were written since other than by captures, nothing is kept.
   */
  readonly kept: { get(): Promise<string | null>; keep(note: string, since: number): Promise<void>; writes(): number };
  /** Before the first capture of this process, not inside the replica's queue: what changes behind it is known, and not looked for. */
  begin(): Promise<void>;
  close(): Promise<void>;
}

/** A writer's window on a replica. Remembers which items to look at, so that `outstanding` costs what changed. */
export function createReplicaWorkspace(replica: Replica, options: WorkspaceOptions): ReplicaWorkspace {
  const { writer, covers, scope = null } = options;
  const { store } = replica.deps;
  const { space } = replica;
  let dirty: Map<string, Item> | 'all' = 'all';
  /** What was found last, for as long as nothing is written to the store: decorators ask one after the other. */
  let foundLast: { readonly writes: number; readonly found: readonly Outstanding[] } | null = null;
  /** Falls of the log before items were last looked at. */
  let fallsSeen = replica.falls;
  /** How often views were written, other than by a capture. */
  let viewWrites = 0;
  /** What an apply under way was given may be under keys that fell since. */
  const asReadable = (content: Content | null): Content | null =>
    content === null || fallsSeen === replica.falls ? content : replica.afterFall(content);

  /** The digests of what was found outstanding last, and did not change since, by `itemKey`. */
  const reported = new Map<string, ContentDigest | null>();

  const markDirty = (items: readonly Item[]): void => {
    if (items.length > 0) foundLast = null;
    for (const item of items) {
      reported.delete(itemKey(item));
      looked.drop(item);
      if (dirty !== 'all' && covers(item)) dirty.set(itemKey(item), item);
    }
  };
  const stopListening = replica.onChange((items, how) => {
    if (how === 'changed') markDirty(items);
  });

  const listViews = (under?: readonly string[]): Promise<readonly View[]> => store.read((tx) => tx.views.list(space, writer, under));

  const few = createFewViews(store, `views of ${writer}`, listViews);
  const looked = createLookedAt(store, `views of ${writer}`);

  /** Of what is captured: whoever captures few names has just asked for their views, and nobody wrote them since. */
  async function viewsOf(items: readonly Item[]): Promise<Map<string, View>> {
    const known = items.length > FEW_NAMES ? null : few.known(items.map(({ name }) => name));
    if (known === null) return store.read((tx) => tx.views.get(space, writer, items));
    const asked = new Set(items.map(itemKey));
    return byKey((await known).filter(({ item }) => asked.has(itemKey(item))));
  }

  async function capture(found: readonly Found[], note: Omit<CommitNote, 'time'>): Promise<CaptureReport> {
    const report = {
      commits: 0,
      changes: 0,
      bytes: 0,
      noted: 0,
      conflicts: [] as Item[],
      refused: [] as { item: Item; reason: string; again?: true; unfit?: true }[],
    };
    const accepted = found.filter((entry) => {
      const size = entry.type === 'body' ? entry.body.length : entry.type === 'tail' ? entry.baseSize + entry.tail.length : 0;
      if (size <= BODY_LIMIT) return true;
      report.refused.push({ item: entry.item, reason: `${size} bytes, more than the ${BODY_LIMIT} that one item may hold`, unfit: true });
      return false;
    });
    // Outside of the queue, and all of them at the same time: others go on meanwhile.
    const batches = foundBatches(accepted).map((batch) => ({ batch, ahead: sealAhead(batch) }));
    for (const { batch, ahead } of batches) {
      const sealed = await ahead;
      const made = await replica.exclusive(() => captureBatch(batch, note, sealed));
      report.commits += made.changes > 0 ? 1 : 0;
      report.changes += made.changes;
      report.bytes += made.bytes;
      report.noted += made.noted;
      report.conflicts.push(...made.conflicts);
      for (const item of made.unheld) report.refused.push({ item, reason: 'the whole file has to be read', again: true });
    }
    return report;
  }

  /** What will most likely be stored of a batch. Never rejects. */
  async function sealAhead(found: readonly Found[]): Promise<SealedBodies | null> {
    const bodies = found.flatMap((entry) => (entry.type === 'body' ? [entry.body] : []));
    return replica.canWrite ? replica.bodies.sealAhead(bodies, () => replica.newCommitId(), replica.keyId) : null;
  }

  async function captureBatch(
    found: readonly Found[],
    note: Omit<CommitNote, 'time'>,
    ahead: SealedBodies | null,
  ): Promise<Pick<CaptureReport, 'changes' | 'bytes' | 'conflicts' | 'noted'> & { readonly unheld: readonly Item[] }> {
    await replica.settle();
    await landFirst(found);
    if (!replica.canWrite) throw new KeyMissing('this machine cannot write to the space now');
    await lookFirst();
    const views = await viewsOf(found.map((f) => f.item));
    const unheld = await unheldBases(replica, found, views);
    const sorted = sortFound(replica, found, views, unheld);
    const doubtful = await doubtfulBases(replica, views);
    const commit = ahead?.commit ?? replica.newCommitId();
    const pieces = await replica.bodies.store(
      sorted.bodies.map((b) => b.bytes),
      commit,
      replica.keyId,
      new Set(sorted.bodies.flatMap((body, index) => (body.base === null ? [] : [index]))),
      ahead,
    );
    const wishes: ItemWish[] = [...sorted.absent];
    for (const [index, wanted] of sorted.bodies.entries()) {
      const content = await contentOf(replica, wanted, pieces[index] ?? [], commit);
      wishes.push({ item: wanted.item, base: doubtful.has(itemKey(wanted.item)) ? null : wanted.shown, ours: content, history: [] });
      sorted.views.push({ item: wanted.item, shown: content, intended: null, notHere: null, local: wanted.local });
    }
    const wasClean = new Set(dirty === 'all' ? [] : wishes.map(({ item }) => itemKey(item)).filter((key) => !isDirty(key)));
    for (const { item } of found) looked.drop(item);
    const drafted = await few.write(namesOf(sorted.views), () =>
      looked.writing(() =>
        replica.draft(wishes, note, commit, async (tx) => {
          await tx.views.put(space, writer, sorted.views);
          await tx.documents.remove(keptNotes(space), writer);
          if (wishes.length > 0) await tx.documents.remove(settledNotes(space), writer);
        }),
      ),
    );
    // What the merge made of it may differ from what is in place.
    markDirty(wishes.map((w) => w.item));
    for (const { item, ours } of wishes) {
      const made = replica.draftedState(item);
      const isAsFound = made !== undefined && made.content?.digest === ours?.digest;
      if (isAsFound && wasClean.has(itemKey(item)) && dirty !== 'all') dirty.delete(itemKey(item));
    }
    // Nor was anybody to look at what was not here and is found now.
    markDirty(sorted.views.map((view) => view.item).filter((item) => (views.get(itemKey(item))?.notHere ?? null) !== null));
    return {
      ...drafted,
      bytes: sorted.bodies.reduce((sum, b) => sum + b.bytes.length, 0),
      noted: sorted.views.filter(({ shown, notHere, local }) => shown !== null && notHere === null && local !== null).length,
      unheld: found.map(({ item }) => item).filter((item) => unheld.has(itemKey(item))),
    };
  }

  /** What fell, and was not gone through yet, is what the found was made from. Where the home is out of reach, it has to wait for what is not here. */
  async function landFirst(found: readonly Found[]): Promise<void> {
    const unlanded = await replica.notes.unlanded();
    if (!found.some(({ item }) => unlanded.has(itemKey(item)))) return;
    try {
      await landWaiting(replica);
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
    }
  }

  const isDirty = (key: string): boolean => dirty === 'all' || dirty.has(key);

  /**
   * Before the first capture, where that costs little: what is captured behind it is known, and need not be looked at. A writer without
   * views would have all items looked at later just as well.
   */
  async function lookFirst(): Promise<void> {
    if (dirty !== 'all' || replica.isTorn || replica.term === null) return;
    const isNew = !(await store.read((tx) => tx.views.writers(space))).includes(writer);
    if (isNew || (await wasSettled())) await findOutstanding();
  }

  /** Inside the queue: while a log is replayed anew, items that are there seem to be missing. */
  const outstanding = (): Promise<Outstanding[]> =>
    replica.exclusive(async () => {
      try {
        // Where a rebase failed half-way, drafts are out of sight: what they hold must not be taken from its place.
        if (replica.isTorn) await replica.settle();
        return await findOutstanding();
      } catch (error) {
        dirty = 'all'; // which items were to be looked at may be forgotten by now
        throw error;
      }
    });

  async function findOutstanding(): Promise<Outstanding[]> {
    const writes = store.writes?.();
    if (dirty !== 'all' && foundLast !== null && foundLast.writes === writes && fallsSeen === replica.falls) return [...foundLast.found];
    const found = await lookForOutstanding();
    foundLast = writes === undefined || writes !== store.writes?.() ? null : { writes, found };
    return [...found];
  }

  async function lookForOutstanding(): Promise<Outstanding[]> {
    if (fallsSeen !== replica.falls) looked.clear();
    fallsSeen = replica.falls;
    if (dirty === 'all' && (await wasSettled())) dirty = new Map();
    const found: Outstanding[] = [];
    const known = dirty === 'all' ? [] : [...dirty.keys()].flatMap((key) => looked.get(key) ?? []);
    for (const { outstanding } of known) found.push(outstanding);
    const isKnown = new Set(known.map(({ outstanding }) => itemKey(outstanding.item)));
    const asked = dirty === 'all' ? 'all' : [...dirty].flatMap(([key, item]) => (isKnown.has(key) ? [] : [item]));
    const { states, views, candidates } = asked === 'all' ? await lookAtAll() : await lookAt(asked);
    if (dirty === 'all') {
      dirty = new Map();
      reported.clear();
      looked.clear();
    }
    const unlanded = await replica.notes.unlanded();
    for (const item of candidates) {
      const key = itemKey(item);
      if (unlanded.has(key)) {
        dirty.set(key, item);
        reported.delete(key);
        continue;
      }
      const view = views.get(key);
      const content = states.get(key)?.content ?? null;
      const shown = view?.shown ?? null;
      if ((view?.notHere ?? null) !== null || content?.digest === shown?.digest) {
        dirty.delete(key);
        reported.delete(key);
      } else {
        dirty.set(key, item);
        reported.set(key, content?.digest ?? null);
        const outstanding = { item, content, shown, local: view?.local ?? null };
        found.push(outstanding);
        // What a draft holds may be sealed anew without a word.
        if (!replica.isDrafted(item)) looked.keep({ outstanding, ...(view === undefined ? {} : { view }) });
      }
    }
    return found.sort((a, b) => (a.item.name < b.item.name ? -1 : 1));
  }

  /** The log's head, where the state follows it and nothing lies on top. */
  async function plainHead(): Promise<string | null> {
    const head = await replica.head();
    return head === null || head.position !== replica.position || replica.drafts.length > 0 ? null : head.hash;
  }

  /** Everything was in place when the last process ended, and nothing has changed since: no item need be looked at. */
  async function wasSettled(): Promise<boolean> {
    const head = scope === null ? null : await plainHead();
    if (head === null) return false;
    const note = await store.read((tx) => tx.documents.get<SettledNote>(settledNotes(space), writer));
    return note?.head === head && note.scope === scope;
  }

  async function noteSettled(): Promise<void> {
    if (dirty === 'all' || dirty.size > 0 || scope === null || (await wasSettled())) return;
    const head = await plainHead();
    if (head !== null) await store.write((tx) => tx.documents.put(settledNotes(space), writer, { head, scope }));
  }

  async function lookAt(candidates: readonly Item[]): Promise<Looked> {
    if (candidates.length === 0) return { states: new Map(), views: new Map(), candidates };
    return store.read(async (tx) => ({
      states: await replica.visible(candidates, tx),
      views: await tx.views.get(space, writer, candidates),
      candidates,
    }));
  }

  /** Every item that is there or that this writer was shown. O(items + views). */
  async function lookAtAll(): Promise<Looked> {
    const states = byKey((await replica.list()).filter(({ item }) => covers(item)));
    const views = byKey(await store.read((tx) => tx.views.list(space, writer)));
    const candidates = byKey<{ readonly item: Item }>([...states.values(), ...views.values()]);
    return { states, views, candidates: Array.from(candidates.values(), ({ item }) => item) };
  }

  /** Writes views derived from those there now. */
  async function updateViews(items: readonly Item[], update: (item: Item, view: View | undefined) => View): Promise<void> {
    await writeViews(items, async (tx) => {
      const views = looked.all(items) ?? (await tx.views.get(space, writer, items));
      return items.map((item) => update(item, views.get(itemKey(item))));
    });
  }

  async function writeViews(items: readonly Item[], make: (tx: StoreTransaction) => Promise<readonly View[]>): Promise<void> {
    await replica.exclusive(async () => {
      viewWrites += 1;
      const write = (): Promise<readonly View[]> =>
        store.write(async (tx) => {
          const made = await make(tx);
          await tx.views.put(space, writer, made);
          for (const notes of [keptNotes(space), settledNotes(space)]) await tx.documents.remove(notes, writer);
          return made;
        });
      const made = await few.write(
        items.map(({ name }) => name),
        () => looked.writing(write),
      );
      for (const view of made) looked.wrote(view);
    });
  }

  const byKey = <T extends { readonly item: Item }>(entries: readonly T[]): Map<string, T> =>
    new Map(entries.map((e) => [itemKey(e.item), e]));

  return {
    writer,
    capture,
    outstanding,
    async views(under) {
      if (under?.length === 0) return new Map();
      const views = under === undefined || under.length > FEW_NAMES ? await listViews(under) : await few.get(under);
      return new Map(views.map((view) => [itemKey(view.item), view]));
    },
    async intend(items) {
      const contents = byKey(items);
      await updateViews(
        items.map((i) => i.item),
        (item, before) => {
          const view = before ?? unseen(item);
          const { content = null, note = view.local } = contents.get(itemKey(item)) ?? {};
          return { ...view, intended: { content: asReadable(content) }, local: note };
        },
      );
    },
    async applied(results) {
      const isWanted = ({ item, content }: Applied): boolean => reported.get(itemKey(item)) === (content?.digest ?? null);
      markDirty(results.filter((result) => !isWanted(result)).map(({ item }) => item)); // what was not here before may be outstanding now
      await writeViews(
        results.map(({ item }) => item),
        () =>
          Promise.resolve(
            results.map(({ item, content, local }): View => ({ item, shown: asReadable(content), intended: null, notHere: null, local })),
          ),
      );
      // Unless it changed meanwhile, there is nothing left to do for it.
      for (const result of results) {
        if (!isWanted(result)) continue;
        reported.delete(itemKey(result.item));
        if (dirty !== 'all') dirty.delete(itemKey(result.item));
      }
    },
    async notHere(items) {
      const reasons = byKey(items);
      await updateViews(
        items.map((i) => i.item),
        (item, view) => ({ ...(view ?? unseen(item)), notHere: reasons.get(itemKey(item))?.reason ?? null }),
      );
    },
    read: (_item, content, offset) => replica.bodies.read(content, offset),
    expect: (body) => (replica.canWrite ? replica.bodies.sealLargeAhead(body, replica.keyId) : Promise.resolve()),
    prefetch: (contents) => replica.bodies.prefetch(contents),
    kept: {
      get: async () => (await store.read((tx) => tx.documents.get<string>(keptNotes(space), writer))) ?? null,
      keep: (note, since) =>
        replica.exclusive(async () => {
          if (viewWrites === since) await store.write((tx) => tx.documents.put(keptNotes(space), writer, note));
        }),
      writes: () => viewWrites,
    },
    begin: () => (dirty === 'all' ? replica.exclusive(lookFirst) : Promise.resolve()),
    async close() {
      stopListening();
      await replica.exclusive(noteSettled);
    },
  };
}

function namesOf(views: readonly View[]): string[] {
  return views.map(({ item }) => item.name);
}
