import type { Content } from '../content.ts';
import {
  bytesToHex,
  commitKey,
  type CommitId,
  type CommitKey,
  type MachineId,
  type ObjectId,
  type Revision,
  type SpaceId,
} from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import { LIMITS } from '../limits.ts';
import { carriedKey } from '../log/carried.ts';
import type { Commit, CommitNote } from '../log/commit.ts';
import { currentEpoch, mayAppend, type Membership } from '../log/membership.ts';
import { decodeControl } from '../log/control.ts';
import { decodeRecord, type Head } from '../log/record.ts';
import { RemoteError, type Remote } from '../ports/remote.ts';
import type { ItemState, Sibling, StoreTransaction } from '../ports/store.ts';
import type { SpaceKeys } from '../crypto/space-keys.ts';
import { Bodies } from './bodies.ts';
import type { ReplicaDeps } from './deps.ts';
import { fitCarried, fitCommits, isSmall } from './fit-commits.ts';
import { Mutex } from './mutex.ts';
import { decodeDraft, encodeDraft, Overlay } from './overlay.ts';
import { collapse, componentsOf, rebaseChanges, type Collapsed } from './rebase.ts';
import { isReached, landingsOf } from './landings.ts';
import { overtakenDrafts } from './overtaken.ts';
import {
  listRelands,
  objectsOfReland,
  putRelands,
  readRelands,
  relandKey,
  relandToWishes,
  removeReland,
  resealRelands,
  withoutGone,
  type Reland,
} from './reland.ts';
import { Replay, type ReplayReport, type ReplayStop } from './replay.ts';
import { isSealedFor, reseal } from './reseal.ts';
import { grantWishes, type ItemWish, type Present } from './wishes.ts';

/** Why a replica cannot draft: it holds no key of the current epoch. */
export class KeyMissing extends Error {
  override readonly name = 'KeyMissing';
}

/** Collection: what a replica that began with a checkpoint has yet to fetch of its log, by space. */
export const BACKFILLS = 'backfills';

/** Items of one commit that wishes may fill; each may become two changes. */
const WISHES_PER_COMMIT = LIMITS.changesPerCommit / 2;

/**
 * One space on this node: the state that its log makes, and the drafts on top. Everything that writes goes through
 * one queue, so that a capture, a replay and a rebase never interleave; the network is never awaited inside it,
 * except for a body that a merge needs.
 */
export class Replica {
  readonly space: SpaceId;
  readonly bodies: Bodies;
  readonly deps: ReplicaDeps;
  readonly #queue = new Mutex();
  readonly #replay: Replay;
  readonly #overlay: Overlay;
  /** False while drafts may not stand behind what was replayed: a replay or rebase runs, or failed half-way. */
  #isSettled = false;
  /** Items that changed in records whose drafts were not rebased yet. */
  readonly #untold = new Map<string, Item>();
  readonly #listeners = new Set<(items: readonly Item[]) => void>();
  #remote: Remote | null = null;
  #stop: ReplayStop | null = null;

  private constructor(deps: ReplicaDeps, space: SpaceId) {
    this.deps = deps;
    this.space = space;
    this.#replay = new Replay(deps, space);
    this.#overlay = new Overlay(space, deps.machine.key.machine);
    this.bodies = new Bodies({
      objects: deps.objects,
      compression: deps.compression,
      ...(deps.sealing === undefined ? {} : { sealing: deps.sealing }),
      random: deps.random,
      space,
      signer: deps.machine.key.machine,
      keys: () => this.keys,
      sharesContext: () => this.#isOnePersons(),
      fetch: async (ids) => this.#fetch(ids),
      dropped: (id) => this.#replay.dropped(id),
      forms: (id) => this.#replay.forms(id),
    });
  }

  /** Opens a space whose log (a genesis at least) is in the store, and catches up with it. */
  static async open(deps: ReplicaDeps, space: SpaceId): Promise<Replica> {
    const replica = new Replica(deps, space);
    await replica.#replay.open();
    await replica.catchUp();
    return replica;
  }

  /** A replica of which nothing is here yet: the first pull brings its log, which must begin with the genesis `space`. */
  static create(deps: ReplicaDeps, space: SpaceId): Replica {
    return new Replica(deps, space);
  }

  /** Reads membership and state anew, after the store was written past this object. Call inside {@link exclusive}. */
  async reopen(): Promise<void> {
    this.#isSettled = false;
    this.#replay.forget();
    await this.#replay.open();
    await this.#catchUp(new Map());
  }

  /**
   * Derives all state from the log again, and reports what `measure` finds when it is at `position`. Writers wait
   * meanwhile. Cost: O(log).
   */
  async rebuild<T>(position: number, measure: () => Promise<T>): Promise<T> {
    return this.exclusive(async () => {
      this.#isSettled = false;
      await this.deps.store.write((tx) => this.#replay.clear(tx));
      this.#replay.forget();
      await this.#replay.run(new Map(), position);
      const measured = await measure();
      await this.#catchUp(new Map());
      return measured;
    });
  }

  /** Where missing bodies are fetched from. */
  setRemote(remote: Remote | null): void {
    this.#remote = remote;
  }

  get membership(): Membership {
    if (this.#replay.membership === null) throw new Error(`space ${this.space} has no log here`);
    return this.#replay.membership;
  }

  get keys(): SpaceKeys {
    if (this.#replay.keys === null) throw new KeyMissing(`this machine holds no key of space ${this.space}`);
    return this.#replay.keys;
  }

  /** Grows by one with each move of the home remote; `null` before anything of the log is here. */
  get term(): number | null {
    return this.#replay.membership?.term ?? null;
  }

  /** Whether this machine was a member of the space and is none any more, as far as the log was read. */
  get isRevoked(): boolean {
    return this.#replay.membership?.removed.has(this.machine) ?? false;
  }

  /** Whether drafts can be made: the current epoch's key is here and the log was followed to its head. */
  get canWrite(): boolean {
    return this.#stop === null && this.#replay.keys?.epoch(currentEpoch(this.membership).number) !== undefined;
  }

  /** Whether the log takes records of this machine: a reader's drafts stay its own, until it is made a writer. */
  get canSend(): boolean {
    return this.canWrite && mayAppend(this.membership, this.machine);
  }

  get stop(): ReplayStop | null {
    return this.#stop;
  }

  get drafts(): readonly Commit[] {
    return this.#overlay.drafts;
  }

  get position(): number {
    return this.#replay.cursor?.position ?? -1;
  }

  /** Calls back with the items that changed, drafts included. Returns what ends it. */
  onChange(listener: (items: readonly Item[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async head(): Promise<Head | null> {
    return this.deps.store.read((tx) => tx.logs.head(this.space));
  }

  /** Runs work that must not interleave with captures, replays and rebases. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.run(work);
  }

  /** Replays new records of the local log, then rebases drafts over them. */
  async catchUp(known: Parameters<Replay['run']>[0] = new Map()): Promise<ReplayReport> {
    return this.exclusive(() => this.#catchUp(known));
  }

  /**
   * Replays new records of the local log while more of them are on their way: the drafts are rebased once, by the
   * {@link catchUp} or {@link settle} that follows, and shown as they are until then.
   */
  async follow(): Promise<ReplayReport> {
    return this.exclusive(() => this.#catchUp(new Map(), false));
  }

  /**
   * Catches up where records were stored and their replay is due, or where it failed half-way. Must run inside
   * {@link exclusive}, before anything is made of the drafts as they are. Cost: one look-up where nothing is to do.
   */
  async settle(): Promise<void> {
    const isBehind = this.#stop === null && (await this.head())?.position !== this.#replay.cursor?.position;
    if (!this.#isSettled || isBehind) await this.#catchUp(new Map());
  }

  /** What items are, drafts included. */
  async visible(items: readonly Item[]): Promise<Map<string, ItemState>> {
    return this.deps.store.read((tx) => this.#overlay.visible(tx, items));
  }

  /** Open conflicts, drafts included. */
  async siblings(item?: Item): Promise<Sibling[]> {
    return this.deps.store.read((tx) => this.#overlay.siblings(tx, item));
  }

  /** Items as they are, drafts included; deleted ones left out. Ordered by kind and name. O(items). */
  async list(query: { readonly kind?: string; readonly prefix?: string } = {}): Promise<ItemState[]> {
    const found = new Map<string, ItemState>();
    let after: Item | undefined;
    for (;;) {
      const page = await this.deps.store.read((tx) =>
        tx.items.list(this.space, { ...query, ...(after === undefined ? {} : { after }), limit: 1_000 }),
      );
      for (const state of page) found.set(itemKey(state.item), state);
      if (page.length < 1_000) break;
      after = page.at(-1)?.item;
    }
    for (const state of this.#overlay.drafted()) {
      if (query.kind !== undefined && state.item.kind !== query.kind) continue;
      if (query.prefix !== undefined && !state.item.name.startsWith(query.prefix)) continue;
      if (state.content === null) found.delete(itemKey(state.item));
      else found.set(itemKey(state.item), state);
    }
    return [...found.values()];
  }

  isDrafted(item: Item): boolean {
    return this.#overlay.isDrafted(item);
  }

  newCommitId(): CommitId {
    return bytesToHex(this.deps.random.bytes(16)) as CommitId;
  }

  get keyId(): number {
    return currentEpoch(this.membership).number;
  }

  /**
   * Turns wishes into one draft commit, in the same transaction as `also`. Must run inside {@link exclusive}.
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
    if (!this.canWrite) throw new KeyMissing('this machine cannot write to the space now');
    const deps = { kinds: this.deps.kinds, bodies: this.bodies, commit, keyId: this.keyId };
    const { changes, conflicts } =
      settled.keeps.length + settled.resolves.length === 0
        ? await grantWishes(wishes, this.#present(), deps)
        : await rebaseChanges({ wishes, ...settled }, this.#present(), deps);
    const drafts = await this.#fit({ id: commit, time: this.deps.clock.now(), ...note, changes, carried });
    const undo: (() => void)[] = [];
    try {
      await this.deps.store.write(async (tx) => {
        await also(tx);
        for (const draft of drafts) undo.push(await this.#addDraft(tx, draft));
      });
    } catch (error) {
      for (const step of undo.toReversed()) step();
      throw error;
    }
    if (changes.length > 0) this.#changed(changes.map((c) => c.item));
    return { changes: changes.length, conflicts };
  }

  /** What is to be drafted as one or, where the format's limits demand it, more commits that follow one another. */
  async #fit({ changes, carried, ...note }: Commit): Promise<Commit[]> {
    const before = changes.length === 0 ? new Map<string, ItemState>() : await this.visible(changes.map((c) => c.item));
    const runs = fitCommits(changes, (item) => before.get(itemKey(item))?.content ?? null);
    const drafts = runs.map((run): Commit => ({ ...note, id: this.newCommitId(), changes: run, carried: [] }));
    // What is carried lands with the last of what was made of it, or behind it: it must not count as landed before.
    for (const records of fitCarried(carried)) drafts.push({ ...note, id: this.newCommitId(), changes: [], carried: records });
    const [last, first] = [drafts[runs.length - 1], drafts[runs.length]];
    if (last !== undefined && first !== undefined && isSmall(first.carried))
      drafts.splice(runs.length - 1, 2, { ...last, carried: first.carried });
    return drafts.map((draft, index) => (index === drafts.length - 1 ? { ...draft, id: note.id } : draft));
  }

  /**
   * Gives drafts, of the first `count`, a new id that are in the log already and yet have to land: another machine
   * carried our record, and made less of it. Must run inside {@link exclusive}. Cost: O(count) look-ups; O(drafts) where
   * there are such.
   */
  async renameUsedDrafts(count: number): Promise<void> {
    const keyOf = (draft: Commit): CommitKey => commitKey(this.machine, draft.id);
    const next = this.#overlay.drafts.slice(0, count).map(keyOf);
    const used = await this.deps.store.read((tx) => landingsOf(tx, this.space, next));
    if (used.size === 0) return;
    const renamed = this.#overlay.drafts.map((draft) => (used.has(keyOf(draft)) ? { ...draft, id: this.newCommitId() } : draft));
    await this.#rewriteDrafts(renamed);
  }

  /**
   * Re-encrypts all drafts whose new bodies are under an older epoch, where one of the first `count` is. Must run
   * inside {@link exclusive}. Cost: O(bodies of the first `count`); O(drafts), once, after a new epoch began.
   */
  async resealDrafts(count: number): Promise<void> {
    const isStale = (draft: Commit): boolean => !isSealedFor(draft, this.bodies, this.keyId);
    if (!this.#overlay.drafts.slice(0, count).some(isStale)) return;
    const resealed: Commit[] = [];
    for (const draft of this.#overlay.drafts) resealed.push(await reseal(draft, this.bodies, this.keyId));
    await this.#rewriteDrafts(resealed);
  }

  /** The same drafts in other words. */
  async #rewriteDrafts(drafts: readonly Commit[]): Promise<void> {
    await this.#storeDrafts(drafts);
    const invalid = await this.deps.store.read((tx) => this.#overlay.replace(tx, drafts));
    if (invalid.length > 0) throw new Error('a rewritten draft lost its place');
  }

  /** The order in the store must be the order in which they are valid. */
  async #storeDrafts(drafts: readonly Commit[]): Promise<void> {
    await this.deps.store.write(async (tx) => {
      await tx.drafts.remove(
        this.space,
        this.#overlay.drafts.map((draft) => draft.id),
      );
      await tx.drafts.put(this.space, drafts.map(encodeDraft));
    });
  }

  /** Returns what takes it out of the overlay again. */
  async #addDraft(tx: StoreTransaction, draft: Commit): Promise<() => void> {
    const judged = await this.#overlay.judge(tx, draft);
    if (!judged.ok) throw new Error(`a draft made here breaks the rule: ${judged.error}`);
    await tx.drafts.put(this.space, [encodeDraft(draft)]);
    return this.#overlay.push(draft, judged.value);
  }

  async #catchUp(known: Parameters<Replay['run']>[0], isLast = true): Promise<ReplayReport> {
    const wasSettled = this.#isSettled && this.#stop === null;
    this.#isSettled = false;
    const report = await this.#replay.run(known);
    this.#stop = report.stop;
    try {
      const landed = wasSettled ? this.#landedFirst(report) : null;
      if (landed !== null) this.#overlay.landed(landed);
      else if (!isLast) return report;
      else {
        await this.#dropOvertaken();
        await this.#rebase();
      }
      this.#isSettled = true;
    } finally {
      for (const item of report.touched) this.#untold.set(itemKey(item), item);
      // Told while drafts still hid them, they would pass for seen.
      if (this.#isSettled || isLast) {
        const items = [...this.#untold.values()];
        if (this.#isSettled) this.#untold.clear();
        if (items.length > 0) this.#changed(items);
      }
    }
    return report;
  }

  /**
   * How many of the first drafts landed, where that is all that has happened: the others need no new judgement. `null`
   * where more may have changed. Cost: O(what was replayed).
   */
  #landedFirst(report: ReplayReport): number | null {
    const { landed, replayed } = report;
    const drafts = this.#overlay.drafts;
    if (report.stop !== null || report.membershipChanged || report.voids.length > 0) return null;
    if (landed.length !== replayed.size || landed.length > drafts.length) return null;
    const isOurs = landed.every((id, index) => drafts[index]?.id === id && replayed.has(commitKey(this.machine, id)));
    return isOurs && drafts.every((draft) => draft.carried.length === 0) ? landed.length : null;
  }

  /** Another machine was faster to land a draft, or what it carries, or the author of that was. */
  async #dropOvertaken(): Promise<void> {
    const { done, shorter } = await this.deps.store.read((tx) => overtakenDrafts(tx, this.space, this.machine));
    if (done.length + shorter.length === 0) return;
    await this.deps.store.write(async (tx) => {
      await tx.drafts.remove(this.space, done);
      await tx.drafts.put(this.space, shorter.map(encodeDraft));
    });
  }

  /**
   * The log, of which nothing is missing up to `position`, falls back to there, for a move of the home remote that
   * continues there. What lay beyond it, and the
   * drafts, are kept as relands in the same transaction; {@link Replica.landAgain} makes drafts of them once the new
   * records were read.
   */
  async fallBack(position: number): Promise<void> {
    await this.exclusive(async () => {
      // Without a key there is nothing here that could land again: no commit of ours, and none that could be read.
      const { keys } = this.#replay;
      const found =
        keys === null ? [] : await readRelands(this.deps, this.space, keys, position, this.#overlay.drafts, (id) => this.formsOf(id));
      const relands = await resealRelands(await this.#withoutGone(found), this.bodies, await this.#epochAt(position));
      await this.deps.store.write(async (tx) => {
        await putRelands(tx, this.space, relands);
        await tx.drafts.remove(
          this.space,
          this.#overlay.drafts.map((d) => d.id),
        );
        await tx.logs.fallBack(this.space, position);
        await tx.documents.remove(BACKFILLS, this.space);
        await this.#replay.clear(tx);
      });
      this.#isSettled = false;
      this.#replay.forget();
      this.deps.log('log fell back', { space: this.space, position, relands: relands.length });
      await this.#catchUp(new Map());
    });
  }

  /** What was pruned or erased, and is not here, falls for good: nobody is to wait for it. */
  async #withoutGone(relands: readonly Reland[]): Promise<Reland[]> {
    const dropped = new Set(relands.flatMap(objectsOfReland).filter((id) => this.droppedObject(id) !== null));
    if (dropped.size === 0) return [...relands];
    const here = await this.deps.objects.has(
      this.space,
      [...dropped].flatMap((id) => this.formsOf(id)),
    );
    return withoutGone(relands, (id) => dropped.has(id) && !this.formsOf(id).some((form) => here.has(form)));
  }

  /**
   * Whether everything that a commit of ours names is here or at the home: what it took over from another's body may
   * have fallen with the home, until the other brings it again. Cost: a look-up, a question to the home where one fails.
   */
  async #canLand(reland: Reland): Promise<boolean> {
    const named = objectsOfReland(reland).filter((id) => this.droppedObject(id) === null);
    const here = await this.deps.objects.has(this.space, named);
    const missing = named.filter((id) => !here.has(id));
    return missing.length === 0 || (await this.hasAtRemote(missing)).size === missing.length;
  }

  /** The number of the epoch that was the current one behind `position`. */
  async #epochAt(position: number): Promise<number> {
    const controls = await this.deps.store.read((tx) => tx.logs.controls(this.space, 0));
    const begun = controls
      .filter((stored) => stored.position <= position)
      .flatMap((stored) => {
        const record = decodeRecord(stored.bytes);
        const payload = record.ok ? decodeControl(record.value.body) : null;
        return payload?.ok === true && payload.value.op === 'epoch' ? [payload.value.epoch.number] : [];
      });
    return Math.min(this.keyId, Math.max(1, ...begun));
  }

  /** Makes drafts of what fell back and is not in the log again. Cost: one look-up where there is nothing to do. */
  async landAgain(): Promise<void> {
    await this.exclusive(async () => {
      const waiting = await this.deps.store.read((tx) => listRelands(tx, this.space));
      if (waiting.length === 0 || !this.canWrite) return;
      const drafted = new Set<CommitKey | null>();
      for (const draft of this.#overlay.drafts)
        for (const key of [commitKey(this.machine, draft.id), ...draft.carried.map(carriedKey)]) drafted.add(key);
      for (const { key, reland } of waiting) await this.#landOne(reland, drafted, (tx) => removeReland(tx, this.space, key));
    });
  }

  /** Must run inside {@link exclusive}. `done` goes into the transaction that makes the draft, or finds that none is due. */
  async #landOne(reland: Reland, drafted: Set<CommitKey | null>, done: (tx: StoreTransaction) => Promise<void>): Promise<void> {
    const key = relandKey(reland, this.machine);
    const evidence = reland.record === null ? reland.commit.carried : [reland.record];
    const keys = evidence.map(carriedKey);
    const { landings, isDone } = await this.deps.store.read(async (tx) => {
      const found = await landingsOf(tx, this.space, [key, ...keys.filter((k) => k !== null)]);
      const landing = found.get(key);
      const landed = landing !== undefined && (landing.how === 'itself' || (await isReached(tx, this.space, reland.commit, landing)));
      return { landings: found, isDone: landed };
    });
    if (isDone || drafted.has(key)) return this.deps.store.write(done);
    if (!(await this.#canLand(reland))) return;
    drafted.add(key);
    const { message, writer, session } = reland.commit;
    const note = { message, writer, ...(session === undefined ? {} : { session }) };
    const collapsed = relandToWishes(reland);
    // Our own keep their id; another's travels inside a commit of ours.
    const id = reland.record === null && !landings.has(key) ? reland.id : this.newCommitId();
    const carried = evidence.filter((_, index) => !landings.has(keys[index] as CommitKey));
    await this.draft(collapsed.wishes, note, id, done, collapsed, carried);
  }

  /**
   * Brings every draft behind the log again. Valid ones stay as they are; the others collapse and merge. Cost: O(drafts
   * and their changes): 20,000 drafts take seconds, not minutes. Memory: the drafts' metadata, and the bodies of
   * {@link WISHES_PER_COMMIT} items that need a merge.
   */
  async #rebase(): Promise<void> {
    const drafts = (await this.deps.store.read((tx) => tx.drafts.list(this.space))).map(decodeDraft);
    const pending = await this.deps.store.read((tx) => this.#overlay.replace(tx, drafts));
    if (pending.length === 0) return;
    if (!this.canWrite) return; // they stay in the store, and are judged again when the key arrives
    for (const component of componentsOf(pending)) {
      if (await this.#readmit(component)) continue;
      const collapsed = collapse(component, await this.#contentsOfBases(component));
      // The old drafts go with the last new one: a crash before leaves both, which collapse to the same again.
      const parts = partsOf(collapsed);
      for (const part of parts) await this.#redraft(component, part, part === parts.at(-1));
      // A change may be gone with its draft: its item is what the log says again.
      this.#changed(itemsOf(component));
    }
    await this.#storeDrafts(this.#overlay.drafts);
  }

  /** True where all drafts of a component are valid as they are. */
  async #readmit(component: readonly Commit[]): Promise<boolean> {
    const undo: (() => void)[] = [];
    const isValid = await this.deps.store.read(async (tx) => {
      for (const draft of component) {
        const judged = await this.#overlay.judge(tx, draft);
        if (!judged.ok) return false;
        undo.push(this.#overlay.push(draft, judged.value));
      }
      return true;
    });
    // Where a rebase failed half-way they were out of sight meanwhile.
    if (isValid) this.#changed(itemsOf(component));
    else for (const step of undo.toReversed()) step();
    return isValid;
  }

  async #redraft(component: readonly Commit[], part: Collapsed, isLast: boolean): Promise<void> {
    const newest = component.at(-1) as Commit;
    const { message, writer, session } = newest;
    const dropOld = async (tx: StoreTransaction): Promise<void> => {
      if (isLast)
        await tx.drafts.remove(
          this.space,
          component.map((d) => d.id),
        );
    };
    await this.draft(
      part.wishes,
      { message, writer, ...(session === undefined ? {} : { session }) },
      this.newCommitId(),
      dropOld,
      part,
      isLast ? component.flatMap((d) => d.carried) : [],
    );
  }

  async #contentsOfBases(drafts: readonly Commit[]): Promise<(item: Item, revision: Revision) => Content | null> {
    const bases = new Set(drafts.flatMap((d) => d.changes).flatMap((c) => (c.base === null ? [] : [c.base])));
    const found = new Map<Revision, Content | null>();
    for (const { item } of drafts.flatMap((d) => d.changes)) {
      const state = this.#overlay.draftedState(item);
      if (state !== undefined) found.set(state.revision, state.content);
    }
    await this.deps.store.read(async (tx) => {
      for (const revision of bases) {
        if (found.has(revision)) continue;
        const [entry] = await tx.items.findRevision(this.space, revision);
        if (entry !== undefined) found.set(revision, entry.content);
      }
    });
    return (_item, revision) => found.get(revision) ?? null;
  }

  #present(): Present {
    return { visible: (items) => this.visible(items), siblings: (item) => this.siblings(item) };
  }

  #changed(items: readonly Item[]): void {
    for (const listener of this.#listeners) listener(items);
  }

  /** One person's machines may share compression contexts; an open space or several accounts may not. */
  #isOnePersons(): boolean {
    const { members, mode } = this.membership;
    return mode === 'sealed' && new Set([...members.values()].map((m) => m.account)).size === 1;
  }

  async #fetch(ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>> {
    if (this.#remote === null) throw new RemoteError('unreachable', 'no remote is connected');
    return this.#remote.getObjects(this.space, ids);
  }

  /** Objects from the home remote, as they are. Throws RemoteError. */
  fetchObjects(ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>> {
    return this.#fetch(ids);
  }

  /** Those of `ids` that the home remote has. Throws RemoteError. */
  async hasAtRemote(ids: readonly ObjectId[]): Promise<Set<ObjectId>> {
    if (this.#remote === null) throw new RemoteError('unreachable', 'no remote is connected');
    return this.#remote.hasObjects(this.space, ids);
  }

  /** Whether a prune or an erase record dropped an object. */
  droppedObject(id: ObjectId): 'pruned' | 'erased' | null {
    return this.#replay.dropped(id) ?? (this.#replay.replacement(id) === id ? null : 'erased');
  }

  /** The object that stands for `id` now: another one where an erase record cut from it. */
  replacementOf(id: ObjectId): ObjectId {
    return this.#replay.replacement(id);
  }

  /** An object and what erase records put in its place since, oldest first: each lacks more than the one before it. */
  formsOf(id: ObjectId): readonly ObjectId[] {
    return this.#replay.forms(id);
  }

  /** Position of the newest prune or erase record, −1 for none. */
  get lastDrop(): number {
    return this.#replay.lastDrop;
  }

  get machine(): MachineId {
    return this.deps.machine.key.machine;
  }
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
