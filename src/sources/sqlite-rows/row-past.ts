import type { Item } from '../../core/item.ts';
import { itemKey } from '../../core/item.ts';
import type { Attributes, Content } from '../../core/content.ts';
import type { FileNote } from './file-note.ts';
import type { Replica } from '../../core/replica/replica.ts';

/** Where a change stands in the log; one that did not land yet stands behind all others. */
export interface LogPlace {
  readonly position: number;
  /** Whether this machine made it. */
  readonly isOwn: boolean;
}

/** What the space knows of earlier times, and whether a question about an older state of the database is open. */
export interface RowPast {
  /** What the process before this one left, and nobody took up yet. */
  note(): Promise<StateNote | null>;
  /** Durable when it resolves. */
  keep(note: StateNote): Promise<void>;
  /** Whether there was an item of this name, and is none now. One look-up. */
  isDeleted(name: string): Promise<boolean>;
  /**
   * Which change came first after a body that an item had before it was as it was `shown` (`null`: before it was deleted); `null`: it never had
   * that body. O(versions of the item).
   */
  wentOnAt(
    item: Item,
    body: { readonly bytes: Uint8Array; readonly attributes: Attributes },
    shown: Content | null,
  ): Promise<LogPlace | null>;
  /** The newest changes that made what items are now, of those that `isThere`: of all of them, and of those that others made. O(items). */
  newest(isThere: (name: string, content: Content) => boolean): Promise<{ readonly all: number; readonly others: number }>;
}

/** What is known of a database's state from one process to the next. */
export interface StateNote {
  /** Somebody is asked about it. */
  readonly isAsked: boolean;
  /** Which file it was when the process ended, where others had it open; `null`: not, or it did not end by itself. */
  readonly file: FileNote | null;
}

export interface RowPastDeps {
  readonly kind: string;
  /** Before the names of all items. */
  readonly prefix: string;
  /** Which source it is. */
  readonly id: string;
  /** Whether this machine signed what stands at a position. */
  readonly isOwn: (position: number) => Promise<boolean>;
}

/** Collection of notes about the state of databases, by source. */
export const stateNotes = (space: string): string => `rows-state/${space}`;

/** More versions than this of one item are not looked through. */
const VERSIONS = 10_000;

export function createRowPast(replica: Replica, { kind, prefix, id, isOwn }: RowPastDeps): RowPast {
  const { store } = replica.deps;
  const { space } = replica;
  return {
    note: async () => (await store.read((tx) => tx.documents.get<StateNote>(stateNotes(space), id))) ?? null,
    keep: (note) =>
      store.write((tx) =>
        note.isAsked || note.file !== null ? tx.documents.put(stateNotes(space), id, note) : tx.documents.remove(stateNotes(space), id),
      ),
    async isDeleted(name) {
      const item: Item = { kind, name };
      const known = (await store.read((tx) => tx.items.get(space, [item]))).get(itemKey(item)) ?? replica.draftedState(item);
      if (known === undefined) return false;
      return ((await replica.visible([item])).get(itemKey(item))?.content ?? null) === null;
    },
    async wentOnAt(item, { bytes, attributes }, shown) {
      const digest = replica.bodies.digestOf(bytes, attributes);
      const entries = await store.read((tx) => tx.items.history(space, item, { limit: VERSIONS }));
      const versions = entries.filter(({ type }) => type !== 'keep' && type !== 'collapsed').reverse();
      const at = shown === null ? -1 : versions.findLastIndex(({ content }) => content?.digest === shown.digest);
      // What was shown and stands nowhere did not land yet.
      const before = at < 0 ? versions : versions.slice(0, at);
      const was = before.findLastIndex(({ content }) => content?.digest === digest);
      if (was < 0) return null;
      const next = versions[was + 1];
      return next === undefined ? { position: Infinity, isOwn: true } : { position: next.position, isOwn: await isOwn(next.position) };
    },
    async newest(isThere) {
      const states = (await replica.list({ kind, prefix })).sort((a, b) => b.position - a.position);
      let all = -1;
      for (const { item, position, content } of states) {
        if (content === null || !isThere(item.name, content)) continue;
        all = Math.max(all, position);
        if (!(await isOwn(position))) return { all, others: position };
      }
      return { all, others: -1 };
    },
  };
}
