import type { ContentDigest } from '../../core/ids.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { View } from '../../core/ports/store.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { isMadeFrom } from './likely-base.ts';
import { createPushQueue } from './push-queue.ts';
import type { ServedFile, ServedFiles } from './served-files.ts';
import { itemOf } from './served-files.ts';
import type { SyncedFile } from './schema.ts';
import { fileProblem } from '../../kinds/mneme/file-problem.ts';
import type { MnemeProject } from '../../kinds/mneme/names.ts';

/** What one client has of an item, as far as is known. */
export interface Shown {
  /** Of what it pushed last, or certainly received. */
  readonly has: ContentDigest | null;
  /** Of what it was sent since, which may not have arrived. */
  readonly offered: ContentDigest | null;
  readonly isReceived: boolean;
}

/** What each client of a space was last shown: the base of what it pushes. */
export interface ClientViews {
  /** What a client has of a project's file. O(1) for what was asked lately. */
  shown(writer: string, item: Item): Promise<Shown>;
  /** Durable note that a client is about to be sent this. Returns what to call when it certainly arrived. */
  offer(writer: string, file: ServedFile): Promise<() => void>;
  /** Takes what a client pushed as a change to what it had before, merged with what there is by now. Durable when it resolves. */
  push(writer: string, project: MnemeProject, file: SyncedFile, body: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

const UNSEEN: Shown = { has: null, offered: null, isReceived: false };
const KEPT_SHOWN = 20_000;

export function createClientViews(deps: { readonly replica: Replica; readonly files: ServedFiles }): ClientViews {
  const { replica, files } = deps;
  const { store } = replica.deps;
  const known = new Map<string, Shown>();
  const queue = createPushQueue(replica);
  /** Bodies that cannot be read, and others, by what they are. */
  const judged = new Map<ContentDigest, boolean>();
  const turns = new Map<string, Promise<unknown>>();

  const keyOf = (writer: string, item: Item): string => `${writer}\0${itemKey(item)}`;

  function keep(key: string, shown: Shown): void {
    known.delete(key);
    known.set(key, shown);
    if (known.size > KEPT_SHOWN) known.delete(known.keys().next().value as string);
  }

  const viewOf = async (writer: string, item: Item): Promise<View | undefined> =>
    (await store.read((tx) => tx.views.get(replica.space, writer, [item]))).get(itemKey(item));

  async function load(writer: string, item: Item): Promise<Shown> {
    const view = await viewOf(writer, item);
    if (view === undefined) return UNSEEN;
    return { has: view.shown?.digest ?? null, offered: view.intended?.content?.digest ?? null, isReceived: false };
  }

  async function shown(writer: string, item: Item): Promise<Shown> {
    const key = keyOf(writer, item);
    const found = known.get(key) ?? (await load(writer, item));
    keep(key, known.get(key) ?? found);
    return known.get(key) ?? found;
  }

  /** One after the other for one client: what it was shown decides what it meant. */
  async function inTurn<T>(writer: string, work: () => Promise<T>): Promise<T> {
    const before = turns.get(writer) ?? Promise.resolve();
    const mine = before.then(work, work);
    turns.set(writer, mine);
    try {
      return await mine;
    } finally {
      if (turns.get(writer) === mine) turns.delete(writer);
    }
  }

  /** Whether what the client was offered is what it goes on from. */
  async function hasReceived(writer: string, item: Item, file: SyncedFile, ours: Uint8Array): Promise<boolean> {
    const { isReceived } = await shown(writer, item);
    if (isReceived) return true;
    const view = await viewOf(writer, item);
    const offered = view?.intended?.content ?? null;
    if (view === undefined || offered === null) return false;
    const [before, sent] = [view.shown === null ? null : await replica.bodies.read(view.shown), await replica.bodies.read(offered)];
    return isMadeFrom(file, { before, offered: sent, ours });
  }

  async function write(writer: string, item: Item, update: (view: View) => View): Promise<void> {
    await replica.exclusive(async () => {
      const view = (await viewOf(writer, item)) ?? { item, shown: null, intended: null, notHere: null, local: null };
      await store.write((tx) => tx.views.put(replica.space, writer, [update(view)]));
    });
  }

  /** What was offered is what the client has, unless it pushed or was offered something else since. */
  async function settle(writer: string, item: Item, digest: ContentDigest): Promise<void> {
    const key = keyOf(writer, item);
    if (known.get(key)?.offered !== digest) return;
    await write(writer, item, (view) => (view.intended === null ? view : { ...view, shown: view.intended.content, intended: null }));
    keep(key, { has: digest, offered: null, isReceived: false });
  }

  /**
   * A client reads a file that cannot be read as empty: what it pushes then was made from nothing, and such a file itself is kept
   * beside a good one, never in its place. `null`: made as usual.
   */
  async function origin(
    project: MnemeProject,
    file: SyncedFile,
    body: Uint8Array,
    digest: ContentDigest,
  ): Promise<'nothing' | 'current' | null> {
    if (!file.endsWith('.json')) return null; // of any other nothing can be wrong
    const item = itemOf(project, file);
    const there = (await replica.visible([item])).get(itemKey(item))?.content?.digest;
    const isBad = fileProblem(file, body) !== null;
    judge(digest, isBad);
    if (there === undefined) return null;
    const wasBad = judged.get(there) ?? fileProblem(file, (await files.read(project, file))?.body ?? new Uint8Array()) !== null;
    judge(there, wasBad);
    return wasBad === isBad ? null : isBad ? 'nothing' : 'current';
  }

  function judge(digest: ContentDigest, isBad: boolean): void {
    judged.delete(digest);
    judged.set(digest, isBad);
    if (judged.size > KEPT_SHOWN) judged.delete(judged.keys().next().value as ContentDigest);
  }

  return {
    shown,

    offer: (writer, { item, content, digest }) =>
      inTurn(writer, async () => {
        if (item === null || content === null) return () => undefined;
        const key = keyOf(writer, item);
        const before = await shown(writer, item);
        if (before.offered !== digest && (before.has !== digest || before.offered !== null)) {
          await write(writer, item, (view) => ({
            ...view,
            shown: before.isReceived ? (view.intended?.content ?? null) : view.shown,
            intended: { content },
          }));
          keep(key, { has: before.isReceived ? before.offered : before.has, offered: digest, isReceived: false });
        }
        return () => {
          const now = known.get(key);
          if (now?.offered !== digest || now.isReceived) return;
          keep(key, { ...now, isReceived: true });
          // Until it is durable it is known to this process alone, which is enough while that lives.
          inTurn(writer, () => settle(writer, item, digest)).catch(() => undefined);
        };
      }),

    push: (writer, project, file, body) =>
      inTurn(writer, async () => {
        const item = itemOf(project, file);
        const before = await shown(writer, item);
        const digest = replica.bodies.digestOf(body, {});
        if (before.offered === null && before.has === digest) return;
        const isIntendedShown = before.offered !== null && (await hasReceived(writer, item, file, body));
        const made = (await origin(project, file, body, digest)) ?? (isIntendedShown ? 'intended' : 'shown');
        await queue.push({ writer, item, body, digest, made });
        keep(keyOf(writer, item), { has: digest, offered: null, isReceived: false });
      }),

    async close() {
      await Promise.allSettled(turns.values());
      files.close();
    },
  };
}
