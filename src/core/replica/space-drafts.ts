import type { Content } from '../content.ts';
import { bytesToHex, commitKey, type CommitId, type CommitKey, type Revision, type SpaceId } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import { LIMITS } from '../limits.ts';
import type { Commit, CommitNote } from '../log/commit.ts';
import type { Random } from '../ports/random.ts';
import type { ItemState, StoreTransaction } from '../ports/store.ts';
import type { Bodies } from './bodies.ts';
import type { ReplicaDeps } from './deps.ts';
import { fitCarried, fitCommits, isSmall } from './fit-commits.ts';
import { KeyMissing } from './key-missing.ts';
import { landingsOf } from './landings.ts';
import { decodeDraft, encodeDraft, Overlay, type LoggedStates } from './overlay.ts';
import { overtakenDrafts } from './overtaken.ts';
import { collapse, componentsOf, rebaseChanges, type Collapsed } from './rebase.ts';
import type { ReplayReport } from './replay.ts';
import { isSealedFor, reseal } from './reseal.ts';
import { grantWishes, type ItemWish, type Present } from './wishes.ts';

/** Items of one commit that wishes may fill; each may become two changes. */
const WISHES_PER_COMMIT = LIMITS.changesPerCommit / 2;

/** What the drafts of a space ask the replica that they belong to. */
export interface DraftsContext {
  canWrite(): boolean;
  /** The current epoch's number. */
  keyId(): number;
  /** What the log says of items, where that is known without a look-up. */
  logged(items: readonly Item[]): ReadonlyMap<string, ItemState> | null;
  /** Items are something else now, as their writers see them. */
  changed(items: readonly Item[]): void;
}

/** Making drafts of wishes, and keeping them behind the log. Everything here runs inside the replica’s queue. */
export class SpaceDrafts {
  readonly overlay: Overlay;
  /** Drafts that a rebase is at work on: some are out of the overlay meanwhile. */
  #inWork = 0;
  /** How often drafts had been written when there were none. */
  #noneAt: number | undefined;
  readonly #deps: ReplicaDeps;
  readonly #space: SpaceId;
  readonly #bodies: Bodies;
  readonly #context: DraftsContext;

  constructor(deps: ReplicaDeps, space: SpaceId, bodies: Bodies, context: DraftsContext) {
    this.overlay = new Overlay(space, deps.machine.key.machine);
    this.#deps = deps;
    this.#space = space;
    this.#bodies = bodies;
    this.#context = context;
  }

  /**
   * Turns wishes into one draft commit, in the same transaction as `also`. Must run inside the replica’s queue.
   * Returns the changes made; none where the wishes changed nothing.
   */
  async draft(
    wishes: readonly ItemWish[],
    note: Omit<CommitNote, 'time'>,
    commit: CommitId,
    also: (tx: StoreTransaction) => Promise<void> = async () => undefined,
    settled: Pick<Collapsed, 'keeps' | 'resolves'> = { keeps: [], resolves: [] },
    carried: readonly Uint8Array[] = [],
  ): Promise<{ readonly changes: number; readonly conflicts: readonly Item[] }> {
    if (!this.#context.canWrite()) throw new KeyMissing('this machine cannot write to the space now');
    const deps = { kinds: this.#deps.kinds, bodies: this.#bodies, commit, keyId: this.#context.keyId() };
    const logged: LoggedStates = new Map(this.#context.logged(wishes.map(({ item }) => item)));
    const present = this.#present(logged);
    const { changes, conflicts } =
      settled.keeps.length + settled.resolves.length === 0
        ? await grantWishes(wishes, present, deps)
        : await rebaseChanges({ wishes, ...settled }, present, deps);
    const drafts = await this.#fit({ id: commit, time: this.#deps.clock.now(), ...note, changes, carried }, present);
    const undo: (() => void)[] = [];
    const takeOut = (): void => {
      for (const step of undo.splice(0).toReversed()) step();
    };
    try {
      await this.#deps.store.write(async (tx) => {
        takeOut(); // what a run pushed that was lost
        await also(tx);
        for (const draft of drafts) undo.push(await this.#addDraft(tx, draft, logged));
      });
    } catch (error) {
      takeOut();
      throw error;
    }
    if (changes.length > 0) this.#context.changed(changes.map((c) => c.item));
    return { changes: changes.length, conflicts };
  }

  /** What is to be drafted as one or, where the format's limits demand it, more commits that follow one another. */
  async #fit({ changes, carried, ...note }: Commit, present: Present): Promise<Commit[]> {
    const before = changes.length === 0 ? new Map<string, ItemState>() : await present.visible(changes.map((c) => c.item));
    const runs = fitCommits(changes, (item) => before.get(itemKey(item))?.content ?? null);
    const drafts = runs.map((run): Commit => ({ ...note, id: newCommitId(this.#deps.random), changes: run, carried: [] }));
    // What is carried lands with the last of what was made of it, or behind it: it must not count as landed before.
    for (const records of fitCarried(carried)) drafts.push({ ...note, id: newCommitId(this.#deps.random), changes: [], carried: records });
    const [last, first] = [drafts[runs.length - 1], drafts[runs.length]];
    if (last !== undefined && first !== undefined && isSmall(first.carried))
      drafts.splice(runs.length - 1, 2, { ...last, carried: first.carried });
    return drafts.map((draft, index) => (index === drafts.length - 1 ? { ...draft, id: note.id } : draft));
  }

  /**
   * Gives drafts, of the first `count`, a new id that are in the log already and yet have to land: another machine
   * carried our record, and made less of it. Must run inside the replica’s queue. Cost: O(count) look-ups; O(drafts) where
   * there are such.
   */
  async renameUsedDrafts(count: number): Promise<void> {
    const keyOf = (draft: Commit): CommitKey => commitKey(this.#deps.machine.key.machine, draft.id);
    const next = this.overlay.drafts.slice(0, count).map(keyOf);
    const used = await this.#deps.store.read((tx) => landingsOf(tx, this.#space, next));
    if (used.size === 0) return;
    const renamed = this.overlay.drafts.map((draft) => (used.has(keyOf(draft)) ? { ...draft, id: newCommitId(this.#deps.random) } : draft));
    await this.#rewriteDrafts(renamed);
  }

  /**
   * Re-encrypts all drafts whose new bodies are under an older epoch, where one of the first `count` is. Must run
   * inside the replica’s queue. Cost: O(bodies of the first `count`); O(drafts), once, after a new epoch began.
   */
  async resealDrafts(count: number): Promise<void> {
    const isStale = (draft: Commit): boolean => !isSealedFor(draft, this.#bodies, this.#context.keyId());
    if (!this.overlay.drafts.slice(0, count).some(isStale)) return;
    const resealed: Commit[] = [];
    for (const draft of this.overlay.drafts) resealed.push(await reseal(draft, this.#bodies, this.#context.keyId()));
    await this.#rewriteDrafts(resealed);
  }

  /** The same drafts in other words. */
  async #rewriteDrafts(drafts: readonly Commit[]): Promise<void> {
    await this.#storeDrafts(drafts);
    const invalid = await this.#deps.store.read((tx) => this.overlay.replace(tx, drafts));
    if (invalid.length > 0) throw new Error('a rewritten draft lost its place');
  }

  /** The order in the store must be the order in which they are valid. */
  async #storeDrafts(drafts: readonly Commit[]): Promise<void> {
    await this.#deps.store.write(async (tx) => {
      await tx.drafts.remove(
        this.#space,
        this.overlay.drafts.map((draft) => draft.id),
      );
      await tx.drafts.put(this.#space, drafts.map(encodeDraft));
    });
  }

  /** Returns what takes it out of the overlay again. */
  async #addDraft(tx: StoreTransaction, draft: Commit, logged: LoggedStates): Promise<() => void> {
    const judged = await this.overlay.judge(tx, draft, logged);
    if (!judged.ok) throw new Error(`a draft made here breaks the rule: ${judged.error}`);
    await tx.drafts.put(this.#space, [encodeDraft(draft)]);
    return this.overlay.push(draft, judged.value);
  }

  /**
   * How many of the first drafts landed, where that is all that has happened: the others need no new judgement. `null`
   * where more may have changed. Cost: O(what was replayed).
   */
  landedFirst(report: ReplayReport): number | null {
    const { landed, replayed } = report;
    const drafts = this.overlay.drafts;
    if (report.stop !== null || report.membershipChanged || report.voids.length > 0) return null;
    // What landed was replayed, so that nothing else was where they are as many.
    if (landed.length !== replayed || landed.length > drafts.length) return null;
    const areFirst = landed.every((id, index) => drafts[index]?.id === id);
    return areFirst && drafts.every((draft) => draft.carried.length === 0) ? landed.length : null;
  }

  /** Another machine was faster to land a draft, or what it carries, or the author of that was. */
  async dropOvertaken(): Promise<void> {
    if (this.#hasNone()) return;
    const { done, shorter } = await this.#deps.store.read((tx) => overtakenDrafts(tx, this.#space, this.#deps.machine.key.machine));
    if (done.length + shorter.length === 0) return;
    await this.#deps.store.write(async (tx) => {
      await tx.drafts.remove(this.#space, done);
      await tx.drafts.put(this.#space, shorter.map(encodeDraft));
    });
  }

  /**
   * Brings every draft behind the log again. Valid ones stay as they are; the others collapse and merge. Cost: O(drafts
   * and their changes): 20,000 drafts take seconds, not minutes. Memory: the drafts' metadata, and the bodies of
   * {@link WISHES_PER_COMMIT} items that need a merge.
   */
  async rebase(): Promise<void> {
    if (this.#hasNone()) return;
    const writes = this.#deps.store.writes?.('drafts');
    const drafts = (await this.#deps.store.read((tx) => tx.drafts.list(this.#space))).map(decodeDraft);
    this.#inWork = drafts.length; // until it is through: where it fails, they still wait
    const pending = await this.#deps.store.read((tx) => this.overlay.replace(tx, drafts));
    if (pending.length === 0) this.#inWork = 0;
    this.#noneAt = drafts.length === 0 ? writes : undefined;
    if (pending.length === 0) return;
    if (!this.#context.canWrite()) return; // they stay in the store, and are judged again when the key arrives
    for (const component of componentsOf(pending)) {
      if (await this.#readmit(component)) continue;
      const collapsed = collapse(component, await this.#contentsOfBases(component));
      // The old drafts go with the last new one: a crash before leaves both, which collapse to the same again.
      const parts = partsOf(collapsed);
      for (const part of parts) await this.#redraft(component, part, part === parts.at(-1));
      // A change may be gone with its draft: its item is what the log says again.
      this.#context.changed(itemsOf(component));
    }
    await this.#storeDrafts(this.overlay.drafts);
    this.#inWork = 0;
  }

  /** Whether a rebase found no draft, and none was written since. */
  #hasNone(): boolean {
    if (this.#noneAt === undefined || this.overlay.drafts.length > 0) return false;
    return this.#noneAt === this.#deps.store.writes?.('drafts');
  }

  /** How many wait to be sent, those that a rebase is at work on included. */
  get count(): number {
    return Math.max(this.overlay.drafts.length, this.#inWork);
  }

  /** True where all drafts of a component are valid as they are. */
  async #readmit(component: readonly Commit[]): Promise<boolean> {
    const undo: (() => void)[] = [];
    const isValid = await this.#deps.store.read(async (tx) => {
      for (const draft of component) {
        const judged = await this.overlay.judge(tx, draft);
        if (!judged.ok) return false;
        undo.push(this.overlay.push(draft, judged.value));
      }
      return true;
    });
    // Where a rebase failed half-way they were out of sight meanwhile.
    if (isValid) this.#context.changed(itemsOf(component));
    else for (const step of undo.toReversed()) step();
    return isValid;
  }

  async #redraft(component: readonly Commit[], part: Collapsed, isLast: boolean): Promise<void> {
    const newest = component.at(-1) as Commit;
    const { message, writer, session } = newest;
    const dropOld = async (tx: StoreTransaction): Promise<void> => {
      if (isLast)
        await tx.drafts.remove(
          this.#space,
          component.map((d) => d.id),
        );
    };
    await this.draft(
      part.wishes,
      { message, writer, ...(session === undefined ? {} : { session }) },
      newCommitId(this.#deps.random),
      dropOld,
      part,
      isLast ? component.flatMap((d) => d.carried) : [],
    );
  }

  async #contentsOfBases(drafts: readonly Commit[]): Promise<(item: Item, revision: Revision) => Content | null> {
    const bases = new Set(drafts.flatMap((d) => d.changes).flatMap((c) => (c.base === null ? [] : [c.base])));
    const found = new Map<Revision, Content | null>();
    for (const { item } of drafts.flatMap((d) => d.changes)) {
      const state = this.overlay.draftedState(item);
      if (state !== undefined) found.set(state.revision, state.content);
    }
    await this.#deps.store.read(async (tx) => {
      for (const revision of bases) {
        if (found.has(revision)) continue;
        const [entry] = await tx.items.findRevision(this.#space, revision);
        if (entry !== undefined) found.set(revision, entry.content);
      }
    });
    return (_item, revision) => found.get(revision) ?? null;
  }

  #present(logged: LoggedStates): Present {
    return {
      visible: async (items) => this.overlay.known(items, logged) ?? this.#deps.store.read((tx) => this.overlay.visible(tx, items, logged)),
      siblings: (item) => this.#deps.store.read((tx) => this.overlay.siblings(tx, item)),
    };
  }
}

export function newCommitId(random: Random): CommitId {
  return bytesToHex(random.bytes(16)) as CommitId;
}

function itemsOf(drafts: readonly Commit[]): Item[] {
  return drafts.flatMap(({ changes }) => changes).map(({ item }) => item);
}

/** Collapsed drafts in parts that fit a commit each. */
function partsOf(collapsed: Collapsed): Collapsed[] {
  const parts: Collapsed[] = [];
  for (let i = 0; i < collapsed.wishes.length; i += WISHES_PER_COMMIT) {
    parts.push({ wishes: collapsed.wishes.slice(i, i + WISHES_PER_COMMIT), keeps: [], resolves: [] });
  }
  if (collapsed.keeps.length + collapsed.resolves.length > 0 || parts.length === 0) {
    const last = parts.pop() ?? { wishes: [] };
    parts.push({ wishes: last.wishes, keeps: collapsed.keeps, resolves: collapsed.resolves });
  }
  return parts;
}
