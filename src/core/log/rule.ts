import { siblingOf, type Change } from '../change.ts';
import type { Content } from '../content.ts';
import type { CommitKey, Revision } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import type { HistoryEntry, ItemState, Sibling } from '../ports/store.ts';
import { LIMITS } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import { resultingRevision, withBase } from './commit-codec.ts';
import type { Commit } from './commit.ts';

/**
 * The rule: a commit is valid if, and only if, every change in it is made from its item's current revision and every
 * need holds. Checked by the writer before it appends and by every reader after: a pure function of the log. An
 * invalid commit is void as a whole, named, without effect.
 */
export interface RuleState {
  /** Keyed by `itemKey`: every item that the commit touches or needs and that ever existed. */
  readonly items: ReadonlyMap<string, ItemState>;
  /** Open siblings of the items that the commit touches. */
  readonly siblings: readonly Sibling[];
  /** Whether this commit is in the log already, itself or carried. */
  isUsed(commit: CommitKey): boolean;
}

/** What an accepted commit does to the state. */
export interface Effects {
  readonly items: readonly ItemState[];
  readonly history: readonly HistoryEntry[];
  readonly siblingsAdded: readonly Sibling[];
  readonly siblingsRemoved: readonly Sibling[];
}

/** The items whose state {@link judgeCommit} must be given. */
export function itemsJudged(commit: Commit): Item[] {
  const items = new Map<string, Item>();
  for (const change of commit.changes) {
    items.set(itemKey(change.item), change.item);
    for (const need of change.needs) items.set(itemKey(need.item), need.item);
  }
  return [...items.values()];
}

/** What a commit is in the log: itself, and those that it carries. */
export interface CommitKeys {
  readonly key: CommitKey;
  readonly carried: readonly CommitKey[];
}

/** Effects, or why the commit is void. Cost: O(changes). */
export function judgeCommit(commit: Commit, { key, carried }: CommitKeys, position: number, state: RuleState): Result<Effects, string> {
  if (state.isUsed(key)) return fail('its id is in the log already');
  for (const other of carried) if (state.isUsed(other)) return fail('it carries a commit that is in the log already');
  const judge = new Judge(position, state);
  for (const change of commit.changes) {
    const reason = judge.judge(change);
    if (reason !== null) return fail(`${change.type} of ${change.item.kind} ${JSON.stringify(change.item.name)}: ${reason}`);
  }
  return ok(judge.effects());
}

class Judge {
  readonly #position: number;
  readonly #before: RuleState;
  readonly #items = new Map<string, ItemState>();
  readonly #history: HistoryEntry[] = [];
  readonly #added = new Map<string, Sibling>();
  readonly #removed = new Map<string, Sibling>();

  constructor(position: number, before: RuleState) {
    this.#position = position;
    this.#before = before;
  }

  effects(): Effects {
    return {
      items: [...this.#items.values()],
      history: this.#history,
      siblingsAdded: [...this.#added.values()],
      siblingsRemoved: [...this.#removed.values()],
    };
  }

  judge(change: Change): string | null {
    const current = this.#current(change.item);
    if ((current?.revision ?? null) !== change.base) return 'made from a revision that is not the current one';
    for (const need of change.needs) {
      const needed = this.#current(need.item);
      if (needed === undefined || needed.content === null) return `needs ${need.item.name}, which does not exist`;
      if (need.revision !== null && needed.revision !== need.revision) return `needs another revision of ${need.item.name}`;
    }
    switch (change.type) {
      case 'put':
        this.#collapsed(change.item, change.base, change.history);
        return this.#settle(change, change.content);
      case 'append':
        return this.#append(change, current?.content ?? null);
      case 'delete':
        if (current === undefined || current.content === null) return 'does not exist';
        return this.#settle(change, null);
      case 'keep':
        return this.#keep(change);
      case 'resolve':
        return this.#resolve(change);
    }
  }

  #current(item: Item): ItemState | undefined {
    const key = itemKey(item);
    return this.#items.get(key) ?? this.#before.items.get(key);
  }

  #append(change: Extract<Change, { type: 'append' }>, base: Content | null): string | null {
    if (base === null) return 'nothing to append to';
    if (base.digest !== change.baseDigest || base.size !== change.baseSize) return 'appends to another body';
    const content = withBase(change, base);
    if (content.pieces.length > LIMITS.piecesPerBody) return 'too many pieces';
    if (content.size > LIMITS.bodyBytes) return 'the body grows larger than the format allows';
    return this.#settle(change, content);
  }

  #settle(change: Extract<Change, { type: 'put' | 'append' | 'delete' }>, content: Content | null): null {
    const revision = resultingRevision(change);
    this.#items.set(itemKey(change.item), { item: change.item, revision, position: this.#position, content });
    this.#note(change.item, revision, change.base, change.type, content);
    return null;
  }

  #keep(change: Extract<Change, { type: 'keep' }>): null {
    const sibling = siblingOf(change.item, change.base, change.content?.digest ?? null);
    this.#collapsed(change.item, change.base, change.history);
    this.#note(change.item, sibling, change.base, 'keep', change.content);
    const entry = { item: change.item, sibling, base: change.base, position: this.#position, content: change.content };
    this.#added.set(siblingKey(change.item, sibling), entry);
    return null;
  }

  #resolve(change: Extract<Change, { type: 'resolve' }>): string | null {
    for (const id of change.siblings) {
      const key = siblingKey(change.item, id);
      const open = this.#added.get(key) ?? this.#before.siblings.find((s) => siblingKey(s.item, s.sibling) === key);
      if (open === undefined || this.#removed.has(key)) return 'settles a sibling that is not open';
      this.#added.delete(key);
      this.#removed.set(key, open);
    }
    return null;
  }

  #collapsed(item: Item, base: Revision | null, bodies: readonly Content[]): void {
    for (const body of bodies) this.#note(item, siblingOf(item, base, body.digest), base, 'collapsed', body);
  }

  #note(item: Item, revision: Revision, base: Revision | null, type: HistoryEntry['type'], content: Content | null): void {
    this.#history.push({ item, revision, base, type, position: this.#position, index: this.#history.length, content });
  }
}

function siblingKey(item: Item, sibling: Revision): string {
  return `${itemKey(item)}\0${sibling}`;
}
