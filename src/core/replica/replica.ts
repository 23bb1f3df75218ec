import type { Content } from '../content.ts';
import { type CommitId, type ContentDigest, type MachineId, type ObjectId, type SpaceId } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import type { Commit } from '../log/commit.ts';
import { currentEpoch, mayAppend, type Membership } from '../log/membership.ts';
import { type Head } from '../log/record.ts';
import { RemoteError, type Remote } from '../ports/remote.ts';
import type { ItemState, Sibling, StoreTransaction } from '../ports/store.ts';
import type { SpaceKeys } from '../crypto/space-keys.ts';
import { putSound } from './bring-again.ts';
import { Bodies } from './bodies.ts';
import type { ReplicaDeps } from './deps.ts';
import { Mutex } from './mutex.ts';
import { prepareFall, writeFall } from './prepare-fall.ts';
import { newCommitId, SpaceDrafts } from './space-drafts.ts';
import { KeyMissing } from './key-missing.ts';
import { createSpaceNotes, type SpaceNotes } from './space-notes.ts';
import { Replay, type Fresh, type ReplayReport, type ReplayStop } from './replay.ts';

/** `landed`: drafts of these items stand in the log now, as they are; nobody sees another content than before. */
export type ChangeListener = (items: readonly Item[], how: 'changed' | 'landed') => void;

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
  readonly #drafts: SpaceDrafts;
  /** False while drafts may not stand behind what was replayed: a replay or rebase runs, or failed half-way. */
  #isSettled = false;
  #isTorn = false;
  /** Items that changed in records whose drafts were not rebased yet. */
  readonly #untold = new Map<string, Item>();
  #falls = 0;
  readonly #sealedAnew = new Map<ContentDigest, Content>();
  readonly #listeners = new Set<ChangeListener>();
  #remote: Remote | null = null;
  #stop: ReplayStop | null = null;
  readonly notes: SpaceNotes;

  private constructor(deps: ReplicaDeps, space: SpaceId) {
    this.deps = deps;
    this.space = space;
    this.notes = createSpaceNotes(deps.store, space);
    this.#replay = new Replay(deps, space);
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
      dropped: (id) => this.#replay.dropped.how(id),
      forms: (id) => this.#replay.dropped.forms(id),
    });
    this.#drafts = new SpaceDrafts(deps, space, this.bodies, {
      canWrite: () => this.canWrite,
      keyId: () => this.keyId,
      logged: (items) => this.#replay.lastStates(items),
      changed: (items) => this.#changed(items),
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
      await this.#replay.run(new Map(), { until: position, tells: false });
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

  /** Where the local log ends; `null` before anything of it is here. Asks the store only after a write that was not replayed here. */
  async head(): Promise<Head | null> {
    return this.#replay.end ?? this.notes.head();
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
    return this.#drafts.overlay.drafts;
  }

  /** How many drafts wait, also while they are being rebased and `drafts` shows but some. For people. */
  get draftCount(): number {
    return this.#drafts.count;
  }

  get position(): number {
    return this.#replay.cursor?.position ?? -1;
  }

  /** How often the log fell back since this process began: contents looked up before may name what cannot be read any more. */
  get falls(): number {
    return this.#falls;
  }

  /** A content that was looked up before the log fell back, as it can be read now. */
  afterFall(content: Content): Content {
    const again = this.#sealedAnew.get(content.digest);
    return again === undefined ? content : { ...content, pieces: again.pieces };
  }

  /** Calls back with the items that changed, drafts included, and how. Returns what ends it. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs work that must not interleave with captures, replays and rebases. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.run(work);
  }

  /** Replays new records of the local log, after `fresh` joined it, then rebases drafts over them. */
  async catchUp(known: Parameters<Replay['run']>[0] = new Map(), fresh: Fresh | null = null): Promise<ReplayReport> {
    return this.exclusive(() => this.#catchUp(known, true, fresh));
  }

  /**
   * Replays new records, which join the local log, while more of them are on their way: the drafts are rebased once, by the
   * {@link catchUp} or {@link settle} that follows, and shown as they are until then.
   */
  async follow(fresh: Fresh): Promise<ReplayReport> {
    return this.exclusive(() => this.#catchUp(new Map(), false, fresh));
  }

  /** Whether a rebase failed half-way: drafts are out of sight until {@link settle}. */
  get isTorn(): boolean {
    return this.#isTorn;
  }

  /**
   * Catches up where records were stored and their replay is due, or where it failed half-way. Must run inside
   * {@link exclusive}, before anything is made of the drafts as they are. Cost: one look-up where nothing is to do.
   */
  async settle(): Promise<void> {
    const isBehind = this.#stop === null && (await this.head())?.position !== this.#replay.cursor?.position;
    if (!this.#isSettled || isBehind) await this.#catchUp(new Map());
  }

  /** What items are, drafts included; in a transaction of the caller's, or its own. */
  async visible(items: readonly Item[], inside?: StoreTransaction): Promise<Map<string, ItemState>> {
    if (inside !== undefined) return this.#drafts.overlay.visible(inside, items);
    return this.deps.store.read((tx) => this.#drafts.overlay.visible(tx, items));
  }

  /** Open conflicts, drafts included. */
  async siblings(item?: Item): Promise<Sibling[]> {
    const { overlay } = this.#drafts;
    if (item === undefined) return overlay.withSiblings(await this.notes.siblings());
    return this.deps.store.read((tx) => overlay.siblings(tx, item));
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
    for (const state of this.#drafts.overlay.drafted()) {
      if (query.kind !== undefined && state.item.kind !== query.kind) continue;
      if (query.prefix !== undefined && !state.item.name.startsWith(query.prefix)) continue;
      if (state.content === null) found.delete(itemKey(state.item));
      else found.set(itemKey(state.item), state);
    }
    return [...found.values()];
  }

  /** What drafts make of an item; `undefined` where none changes it. */
  draftedState(item: Item): ItemState | undefined {
    return this.#drafts.overlay.draftedState(item);
  }

  isDrafted(item: Item): boolean {
    return this.#drafts.overlay.isDrafted(item);
  }

  newCommitId(): CommitId {
    return newCommitId(this.deps.random);
  }

  get keyId(): number {
    return currentEpoch(this.membership).number;
  }

  /** See {@link SpaceDrafts.draft}. */
  draft(...asked: Parameters<SpaceDrafts['draft']>): ReturnType<SpaceDrafts['draft']> {
    return this.#drafts.draft(...asked);
  }

  /** See {@link SpaceDrafts.renameUsedDrafts}. */
  renameUsedDrafts(count: number): Promise<void> {
    return this.#drafts.renameUsedDrafts(count);
  }

  /** See {@link SpaceDrafts.resealDrafts}. */
  resealDrafts(count: number): Promise<void> {
    return this.#drafts.resealDrafts(count);
  }

  async #catchUp(known: Parameters<Replay['run']>[0], isLast = true, fresh: Fresh | null = null): Promise<ReplayReport> {
    const wasSettled = this.#isSettled && this.#stop === null;
    this.#isSettled = false;
    const report = await this.#replay.run(known, { fresh });
    this.#stop = report.stop;
    let landed: number | null = null;
    try {
      landed = wasSettled ? this.#drafts.landedFirst(report) : null;
      if (landed !== null) this.#drafts.overlay.landed(landed);
      else if (!isLast) return report;
      else {
        this.#isTorn = true;
        await this.#drafts.dropOvertaken();
        await this.#drafts.rebase();
        this.#isTorn = false;
      }
      this.#isSettled = true;
    } finally {
      const how = landed !== null && landed === report.made && this.#untold.size === 0 ? 'landed' : 'changed';
      for (const item of report.touched) this.#untold.set(itemKey(item), item);
      // Told while drafts still hid them, they would pass for seen.
      if (this.#isSettled || isLast) {
        const items = [...this.#untold.values()];
        if (this.#isSettled) this.#untold.clear();
        if (items.length > 0) this.#changed(items, how);
      }
    }
    return report;
  }

  /**
   * The log, of which nothing is missing up to `position`, falls back to there, for a move of the home remote that
   * continues there. What lay beyond it, and the
   * drafts, are kept as relands in the same transaction; `landAgain` makes drafts of them once the new
   * records were read.
   */
  async fallBack(position: number, also: (tx: StoreTransaction) => Promise<void> = async () => undefined): Promise<void> {
    await this.exclusive(async () => {
      const fall = await prepareFall(this, position, this.#replay.keys);
      await this.deps.store.write(async (tx) => {
        await also(tx);
        await writeFall(tx, this, position, fall);
        await this.#replay.clear(tx);
      });
      this.#isSettled = false;
      this.#replay.forget();
      this.#falls += 1;
      for (const [digest, content] of fall.sealed) this.#sealedAnew.set(digest, content);
      for (const item of fall.items) this.#untold.set(itemKey(item), item);
      this.deps.log('log fell back', { space: this.space, position, relands: fall.relands.length });
      await this.#catchUp(new Map());
    });
  }

  #changed(items: readonly Item[], how: 'changed' | 'landed' = 'changed'): void {
    for (const listener of this.#listeners) listener(items, how);
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

  /** Whether the home remote keeps its objects where this replica does. */
  get keepsRemote(): boolean {
    return this.#remote?.objects !== undefined && this.#remote.objects === this.deps.objects;
  }

  /** Sends those of `ids` that are here in good order to the home remote, and answers how many. Throws RemoteError. */
  async putAtRemote(ids: readonly ObjectId[]): Promise<number> {
    if (this.#remote === null) throw new RemoteError('unreachable', 'no remote is connected');
    return putSound(this, this.#remote, ids);
  }

  /** Whether a prune or an erase record dropped an object. */
  droppedObject(id: ObjectId): 'pruned' | 'erased' | null {
    return this.#replay.dropped.how(id) ?? (this.#replay.dropped.replacement(id) === id ? null : 'erased');
  }

  /** The object that stands for `id` now: another one where an erase record cut from it. */
  replacementOf(id: ObjectId): ObjectId {
    return this.#replay.dropped.replacement(id);
  }

  /** An object and what erase records put in its place since, oldest first: each lacks more than the one before it. */
  formsOf(id: ObjectId): readonly ObjectId[] {
    return this.#replay.dropped.forms(id);
  }

  /** Position of the newest prune or erase record, −1 for none. */
  get lastDrop(): number {
    return this.#replay.dropped.last;
  }

  get machine(): MachineId {
    return this.deps.machine.key.machine;
  }
}
