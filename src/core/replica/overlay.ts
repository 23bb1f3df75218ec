import { itemKey, type Item } from '../item.ts';
import { commitKey, type CommitId, type MachineId, type Revision, type SpaceId } from '../ids.ts';
import { decodeCommit, encodeCommit, resultingRevision } from '../log/commit-codec.ts';
import type { Commit } from '../log/commit.ts';
import { itemsJudged, judgeCommit, type Effects } from '../log/rule.ts';
import type { ItemState, Sibling, StoredDraft, StoreTransaction } from '../ports/store.ts';

/** Drafts have no record yet; what they make is shown at this position, behind everything. */
export const DRAFT_POSITION = Number.MAX_SAFE_INTEGER;

interface Made<T> {
  readonly draft: CommitId;
  readonly state: T;
}

/** What the log says of items, without drafts, by `itemKey`; `null`: nothing. */
export type LoggedStates = Map<string, ItemState | null>;

/**
 * The drafts of a space, in order, and what they make of the state: each is valid behind the log's head and the
 * drafts before it. Sources and gateways of this machine see state and overlay together.
 */
export class Overlay {
  readonly #space: SpaceId;
  readonly #machine: MachineId;
  #drafts: Commit[] = [];
  /** What the last draft of an item made of it. */
  readonly #items = new Map<string, Made<ItemState>>();
  /** What the last draft that touched a sibling made of it, by item and sibling; `null`: it is settled. */
  readonly #siblings = new Map<string, Map<Revision, Made<Sibling | null>>>();

  constructor(space: SpaceId, machine: MachineId) {
    this.#space = space;
    this.#machine = machine;
  }

  get drafts(): readonly Commit[] {
    return this.#drafts;
  }

  /**
   * What an item is, drafts included; `undefined` where it never existed. One look-up for those without drafts. `logged`: what was
   * looked up before, while nothing is replayed; takes what is looked up now.
   */
  async visible(tx: StoreTransaction, items: readonly Item[], logged: LoggedStates = new Map()): Promise<Map<string, ItemState>> {
    const unknown = items.filter((item) => !logged.has(itemKey(item)) && !this.isDrafted(item));
    if (unknown.length > 0) {
      const looked = await tx.items.get(this.#space, unknown);
      for (const item of unknown) logged.set(itemKey(item), looked.get(itemKey(item)) ?? null);
    }
    return this.#asDrafted(items, logged);
  }

  /** The same of what needs no look-up; `null` where something does. */
  known(items: readonly Item[], logged: LoggedStates): Map<string, ItemState> | null {
    const isKnown = items.every((item) => logged.has(itemKey(item)) || this.isDrafted(item));
    return isKnown ? this.#asDrafted(items, logged) : null;
  }

  #asDrafted(items: readonly Item[], logged: LoggedStates): Map<string, ItemState> {
    const found = new Map<string, ItemState>();
    for (const item of items) {
      const state = logged.get(itemKey(item));
      if (state !== undefined && state !== null) found.set(itemKey(item), state);
      const drafted = this.draftedState(item);
      if (drafted !== undefined) found.set(itemKey(item), drafted);
    }
    return found;
  }

  /** Items that drafts change. O(drafted items). */
  drafted(): readonly ItemState[] {
    return [...this.#items.values()].map(({ state }) => state);
  }

  /** What drafts make of an item; `undefined` where none changes it. */
  draftedState(item: Item): ItemState | undefined {
    return this.#items.get(itemKey(item))?.state;
  }

  isDrafted(item: Item): boolean {
    return this.#items.has(itemKey(item));
  }

  /** Open siblings, drafts included. Cost: O(open siblings of the item, or of all). */
  async siblings(tx: StoreTransaction, item?: Item): Promise<Sibling[]> {
    return this.withSiblings(await tx.items.siblings(this.#space, item), item);
  }

  /** What drafts make of the siblings that the log has open, of an item or of all. */
  withSiblings(logged: readonly Sibling[], item?: Item): Sibling[] {
    const made = item === undefined ? [...this.#siblings.values()] : [this.#siblings.get(itemKey(item)) ?? new Map<Revision, never>()];
    const added = made.flatMap((ofItem) => [...ofItem.values()].flatMap(({ state }) => (state === null ? [] : [state])));
    const isMade = (s: Sibling): boolean => this.#siblings.get(itemKey(s.item))?.has(s.sibling) === true;
    return [...logged.filter((s) => !isMade(s)), ...added];
  }

  /** Judges a draft behind the others. Effects are not applied. Cost: O(changes). */
  async judge(tx: StoreTransaction, draft: Commit, logged?: LoggedStates): Promise<ReturnType<typeof judgeCommit>> {
    const items = await this.visible(tx, itemsJudged(draft), logged);
    const resolving = new Map(draft.changes.filter((c) => c.type === 'resolve').map((c) => [itemKey(c.item), c.item]));
    const siblings: Sibling[] = [];
    for (const item of resolving.values()) siblings.push(...(await this.siblings(tx, item)));
    const key = commitKey(this.#machine, draft.id);
    return judgeCommit(draft, { key, carried: [] }, DRAFT_POSITION, { items, siblings, isUsed: () => false });
  }

  /** Adds a judged draft at the end. Returns what takes it back, while it is the last one. */
  push(draft: Commit, effects: Effects): () => void {
    const undo: (() => void)[] = [];
    const put = <K, V>(map: Map<K, V>, key: K, value: V): void => {
      const before = map.get(key);
      undo.push(() => void (before === undefined ? map.delete(key) : map.set(key, before)));
      map.set(key, value);
    };
    const ofItem = (item: Item): Map<Revision, Made<Sibling | null>> => {
      const known = this.#siblings.get(itemKey(item)) ?? new Map<Revision, Made<Sibling | null>>();
      this.#siblings.set(itemKey(item), known);
      return known;
    };
    this.#drafts.push(withWholeAppends(draft, effects));
    for (const state of effects.items) put(this.#items, itemKey(state.item), { draft: draft.id, state });
    for (const s of effects.siblingsAdded) put(ofItem(s.item), s.sibling, { draft: draft.id, state: s });
    for (const s of effects.siblingsRemoved) put(ofItem(s.item), s.sibling, { draft: draft.id, state: null });
    return () => {
      this.#drafts.pop();
      for (const step of undo.toReversed()) step();
    };
  }

  /**
   * The first `count` drafts are in the log now, as they are and with nothing else: the others stand behind it as they
   * are. Cost: O(what those drafts changed).
   */
  landed(count: number): void {
    for (const draft of this.#drafts.splice(0, count)) {
      for (const { item } of draft.changes) {
        const key = itemKey(item);
        if (this.#items.get(key)?.draft === draft.id) this.#items.delete(key);
        const siblings = this.#siblings.get(key);
        if (siblings === undefined) continue;
        for (const [id, made] of siblings) if (made.draft === draft.id) siblings.delete(id);
        if (siblings.size === 0) this.#siblings.delete(key);
      }
    }
  }

  /**
   * These drafts instead, judged in order. Returns those that are not valid behind the log any more (with everything
   * after the first of them): they need a rebase. Cost: O(changes in drafts).
   */
  async replace(tx: StoreTransaction, drafts: readonly Commit[]): Promise<Commit[]> {
    this.#drafts = [];
    this.#items.clear();
    this.#siblings.clear();
    for (const [index, draft] of drafts.entries()) {
      const judged = await this.judge(tx, draft);
      if (!judged.ok) return drafts.slice(index);
      this.push(draft, judged.value);
    }
    return [];
  }
}

export function encodeDraft(draft: Commit): StoredDraft {
  return { id: draft.id, bytes: encodeCommit(draft, { objects: [], keyId: 0 }) };
}

export function decodeDraft(draft: StoredDraft): Commit {
  const commit = decodeCommit(draft.bytes, draft.id as CommitId, { objects: [], keyId: 0 });
  if (!commit.ok) throw new Error(`a draft in the store is damaged (${commit.error}); run: satchel store verify`);
  return commit.value;
}

/** A draft read from the store knows only the tails of its appends; judging it found what they go on from. */
function withWholeAppends(draft: Commit, effects: Effects): Commit {
  if (!draft.changes.some((change) => change.type === 'append')) return draft;
  const made = new Map(effects.history.map((entry) => [entry.revision, entry.content]));
  const changes = draft.changes.map((change) =>
    change.type === 'append' ? { ...change, content: made.get(resultingRevision(change)) ?? change.content } : change,
  );
  return { ...draft, changes };
}
