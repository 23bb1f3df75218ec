import { itemKey, type Item } from '../item.ts';
import { commitKey, type CommitId, type MachineId, type SpaceId } from '../ids.ts';
import { decodeCommit, encodeCommit, resultingRevision } from '../log/commit-codec.ts';
import type { Commit } from '../log/commit.ts';
import { itemsJudged, judgeCommit, type Effects } from '../log/rule.ts';
import type { ItemState, Sibling, StoredDraft, StoreTransaction } from '../ports/store.ts';

/** Drafts have no record yet; what they make is shown at this position, behind everything. */
export const DRAFT_POSITION = Number.MAX_SAFE_INTEGER;

/**
 * The drafts of a space, in order, and what they make of the state: each is valid behind the log's head and the
 * drafts before it. Sources and gateways of this machine see state and overlay together.
 */
export class Overlay {
  readonly #space: SpaceId;
  readonly #machine: MachineId;
  #drafts: Commit[] = [];
  /** What each draft does, in their order. */
  #effects: Effects[] = [];
  readonly #items = new Map<string, ItemState>();
  #siblingsAdded = new Map<string, Sibling>();
  #siblingsRemoved = new Set<string>();

  constructor(space: SpaceId, machine: MachineId) {
    this.#space = space;
    this.#machine = machine;
  }

  get drafts(): readonly Commit[] {
    return this.#drafts;
  }

  /** What an item is, drafts included; `undefined` where it never existed. One look-up for those without drafts. */
  async visible(tx: StoreTransaction, items: readonly Item[]): Promise<Map<string, ItemState>> {
    const found = await tx.items.get(
      this.#space,
      items.filter((item) => !this.#items.has(itemKey(item))),
    );
    for (const item of items) {
      const drafted = this.#items.get(itemKey(item));
      if (drafted !== undefined) found.set(itemKey(item), drafted);
    }
    return found;
  }

  /** Items that drafts change. */
  drafted(): readonly ItemState[] {
    return [...this.#items.values()];
  }

  isDrafted(item: Item): boolean {
    return this.#items.has(itemKey(item));
  }

  /** Open siblings, drafts included. */
  async siblings(tx: StoreTransaction, item?: Item): Promise<Sibling[]> {
    const logged = await tx.items.siblings(this.#space, item);
    const added = [...this.#siblingsAdded.values()].filter((s) => item === undefined || itemKey(s.item) === itemKey(item));
    return [...logged, ...added].filter((s) => !this.#siblingsRemoved.has(siblingKey(s)));
  }

  /**
   * Judges a draft behind the others. Effects are not applied.
   */
  async judge(tx: StoreTransaction, draft: Commit): Promise<ReturnType<typeof judgeCommit>> {
    const items = await this.visible(tx, itemsJudged(draft));
    const resolving = draft.changes.some((c) => c.type === 'resolve');
    const siblings = resolving ? await this.siblings(tx) : [];
    return judgeCommit(draft, { key: commitKey(this.#machine, draft.id), carried: [] }, DRAFT_POSITION, {
      items,
      siblings,
      isUsed: () => false,
    });
  }

  /** Adds a judged draft at the end. */
  push(draft: Commit, effects: Effects): void {
    this.#drafts.push(withWholeAppends(draft, effects));
    this.#effects.push(effects);
    for (const state of effects.items) this.#items.set(itemKey(state.item), state);
    this.#lay(effects);
  }

  /**
   * The first `count` drafts are in the log now, and nothing else has changed: the others stand as they stood. Cost:
   * O(changes in those that landed + siblings).
   */
  landed(count: number): void {
    this.#drafts.splice(0, count);
    for (const { items } of this.#effects.splice(0, count)) {
      for (const state of items) {
        const key = itemKey(state.item);
        if (this.#items.get(key) === state) this.#items.delete(key); // else a later draft goes on from it
      }
    }
    this.#siblingsAdded = new Map();
    this.#siblingsRemoved = new Set();
    for (const effects of this.#effects) this.#lay(effects);
  }

  #lay(effects: Effects): void {
    for (const sibling of effects.siblingsAdded) this.#siblingsAdded.set(siblingKey(sibling), sibling);
    for (const sibling of effects.siblingsRemoved) {
      if (!this.#siblingsAdded.delete(siblingKey(sibling))) this.#siblingsRemoved.add(siblingKey(sibling));
    }
  }

  /**
   * Reads the drafts anew and judges them in order. Returns those that are not valid behind the log any more (with
   * everything after the first of them): they need a rebase. Cost: O(changes in drafts).
   */
  async load(tx: StoreTransaction): Promise<Commit[]> {
    const stored = await tx.drafts.list(this.#space);
    return this.replace(
      tx,
      stored.map((draft) => decodeDraft(draft)),
    );
  }

  /** The same for drafts at hand. */
  async replace(tx: StoreTransaction, drafts: readonly Commit[]): Promise<Commit[]> {
    this.#drafts = [];
    this.#effects = [];
    this.#items.clear();
    this.#siblingsAdded = new Map();
    this.#siblingsRemoved = new Set();
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

function siblingKey(sibling: Sibling): string {
  return `${itemKey(sibling.item)}\0${sibling.sibling}`;
}
