import { createSpaceKeys, type SpaceKeys } from '../crypto/space-keys.ts';
import type { CommitId, RecordHash, SpaceId } from '../ids.ts';
import type { Item } from '../item.ts';
import type { Commit } from '../log/commit.ts';
import { KNOWN_FEATURES } from '../log/control.ts';
import { applyControl, linkVoidControl, startMembership, type Membership } from '../log/membership.ts';
import { decodeRecord, headAfter, type Head, type LogRecord } from '../log/record.ts';
import type { ItemState, StoredRecord, StoreTransaction } from '../ports/store.ts';
import { applySteps, type Cursor } from './apply-steps.ts';
import type { Continuation } from './chain.ts';
import type { ReplicaDeps } from './deps.ts';
import { createLastStates, type LastStates } from './last-states.ts';
import { createDroppedObjects, type DroppedObjects } from './dropped-objects.ts';
import { carriers } from './landings.ts';
import { readCommit, readControl, type Step } from './read-step.ts';
import { openSecrets } from './secrets.ts';

/** What stops a replay before the log's end. */
export type ReplayStop =
  | { readonly type: 'waiting-for-key'; readonly position: number; readonly keyId: number }
  | { readonly type: 'unknown-feature'; readonly position: number; readonly feature: string };

export interface ReplayReport {
  /** How many were replayed, void ones included. */
  readonly records: number;
  /** Items that changed, siblings included. */
  readonly touched: readonly Item[];
  /** Own drafts that are in the log now, and are removed. */
  readonly landed: readonly CommitId[];
  /** Of these, how many were replayed as they had just been made here. */
  readonly made: number;
  /** How many valid commits were replayed, carried ones included. */
  readonly replayed: number;
  readonly voids: readonly { readonly position: number; readonly reason: string }[];
  readonly membershipChanged: boolean;
  readonly stop: ReplayStop | null;
}

/** What a replay did so far. */
interface Replayed {
  /** `null` where nobody is told of it: of a whole log that may be very many. */
  readonly touched: Map<string, Item> | null;
  readonly landed: CommitId[];
  made: number;
  replayed: number;
  readonly voids: { position: number; reason: string }[];
}

/** What is to join the local log behind `after`, and is nowhere here yet. */
export interface Fresh extends Continuation {
  readonly after: Head;
}

export interface ReplayOptions {
  readonly until?: number;
  readonly fresh?: Fresh | null;
  /** Whether the report names the items that changed. */
  readonly tells?: boolean;
}

/** Of one transaction: a megabyte may be ten thousand changes, which are decoded all at once. */
const BATCH = { records: 256, bytes: 1024 * 1024 };

/**
 * Log → state, membership and keys. The state is a pure function of the log: replayed from the start it comes out
 * the same on every machine. Callers run one replay of a space at a time.
 */
export class Replay {
  readonly #deps: ReplicaDeps;
  readonly #space: SpaceId;
  #cursor: Cursor | null = null;
  #membership: Membership | null = null;
  #keys: SpaceKeys | null = null;
  /** What the last keys were opened from: most control records hand out none, and to open an envelope takes a millisecond. */
  #opened: (Pick<Membership, 'epochs'> & { readonly own: unknown; readonly keys: SpaceKeys | null }) | null = null;
  /** Keys that a control record at `position`, still ahead, hands to this machine. */
  #laterKeys: { readonly position: number; readonly keys: SpaceKeys } | null = null;
  /** Items that changed, and that no report has told of: a batch after them may have failed. */
  readonly #untold = new Map<string, Item>();
  readonly dropped: DroppedObjects;
  /** Where the log ended, and how much had been written to the store by then: asked with every sync. */
  #end: { readonly head: Head | null; readonly writes: number } | null = null;

  readonly #last: LastStates;

  constructor(deps: ReplicaDeps, space: SpaceId) {
    this.#deps = deps;
    this.#last = createLastStates(deps.store);
    this.#space = space;
    this.dropped = createDroppedObjects(space);
  }

  get cursor(): Cursor | null {
    return this.#cursor;
  }

  get membership(): Membership | null {
    return this.#membership;
  }

  get keys(): SpaceKeys | null {
    return this.#keys;
  }

  /** What the log says of items, where the last records said it: no look-up. `null` where it is to be looked up. */
  lastStates(items: readonly Item[]): Map<string, ItemState> | null {
    return this.#last.all(items);
  }

  /** Where the log ends, where a run saw that and nothing was written to any log since; `undefined`: it is to be looked up. */
  get end(): Head | null | undefined {
    return this.#end !== null && this.#end.writes === this.#deps.store.writes?.('logs') ? this.#end.head : undefined;
  }

  /** Restores membership and keys as of the saved cursor. O(control records). */
  async open(): Promise<void> {
    const { cursor, controls } = await this.#deps.store.read(async (tx) => ({
      cursor: (await tx.documents.get<Cursor>('cursors', this.#space)) ?? null,
      controls: await tx.logs.controls(this.#space, 0),
      returned: await this.dropped.open(tx),
    }));
    this.#cursor = cursor;
    for (const stored of controls) {
      if (cursor === null || stored.position > cursor.position) break;
      const step = readControl(expectRecord(stored));
      this.#applyControl(step);
    }
    if (this.#membership !== null) await this.#loadKeys();
  }

  /** Removes all derived state in a transaction; call {@link Replay.forget} when it is through. */
  async clear(tx: StoreTransaction): Promise<void> {
    await tx.items.clear(this.#space);
    await tx.documents.remove('cursors', this.#space);
    for (const collection of [`voids/${this.#space}`, `carried/${this.#space}`, carriers(this.#space), this.dropped.collection])
      await tx.documents.clear(collection);
  }

  /** The next {@link Replay.run} starts at the genesis. */
  forget(): void {
    this.#cursor = null;
    this.#membership = null;
    this.#keys = null;
    this.dropped.clear();
  }

  /**
   * Follows the log to its head, or to what stops it. Each batch is one transaction: after a crash it goes on where
   * the cursor stands. Cost: O(new records and their changes). `known` spares decrypting commits just made here;
   * nothing behind `until` is replayed. `fresh` joins the log first, unless that ends elsewhere by now. Memory: a batch, and
   * the items that changed, unless nobody is to be told of them.
   */
  async run(
    known: ReadonlyMap<RecordHash, Commit> = new Map(),
    { until = Number.MAX_SAFE_INTEGER, fresh = null, tells = true }: ReplayOptions = {},
  ): Promise<ReplayReport> {
    const report = {
      touched: tells ? this.#untold : null,
      landed: [] as CommitId[],
      made: 0,
      replayed: 0,
      voids: [] as { position: number; reason: string }[],
    };
    const membershipBefore = this.#membership;
    let stop: ReplayStop | null = null;
    let records = fresh === null ? 0 : await this.#join(fresh, known, report);
    for (;;) {
      stop = this.#unknownFeature();
      if (stop !== null) break;
      const from = (this.#cursor?.position ?? -1) + 1;
      const writes = this.#deps.store.writes?.('logs');
      if (this.#end !== null && (this.#end.head?.position ?? -1) + 1 === from && this.#end.writes === writes) break;
      const { head, page } = await this.#deps.store.read(async (tx) => ({
        head: await tx.logs.head(this.#space),
        page: await tx.logs.read(this.#space, from, BATCH),
      }));
      if (writes !== undefined) this.#end = { head, writes };
      const stored = page.filter((record) => record.position <= until);
      if (stored.length === 0) break;
      try {
        const { steps, stopped } = await this.#prepare(stored.map(expectRecord), known);
        if (steps.length > 0) await this.#commitBatch(steps, report);
        records += steps.length;
        stop = stopped;
      } catch (error) {
        await this.#rewind();
        throw error;
      }
      if (stop !== null) break;
    }
    const touched = [...this.#untold.values()];
    this.#untold.clear();
    return {
      records,
      touched,
      landed: report.landed,
      made: report.made,
      replayed: report.replayed,
      voids: report.voids,
      membershipChanged: membershipBefore !== this.#membership,
      stop,
    };
  }

  /**
   * Records join the log: right behind the state, commits do so in the transaction that replays them, without being read again.
   * Returns how many were replayed.
   */
  async #join(fresh: Fresh, known: ReadonlyMap<RecordHash, Commit>, report: Replayed): Promise<number> {
    const { after, records, rows } = fresh;
    const { store } = this.#deps;
    const append = (tx: StoreTransaction): Promise<boolean> => tx.logs.append(this.#space, after, rows);
    const read = this.#isNext(fresh) ? await this.#prepare(records, known) : null;
    if (read === null || read.stopped !== null) {
      await store.write(append);
      return 0;
    }
    try {
      const writes = store.writes?.('logs');
      if (!(await this.#commitBatch(read.steps, report, append))) return 0;
      if (writes !== undefined) this.#end = { head: headAfter(records.at(-1) as LogRecord), writes: writes + 1 };
      return records.length;
    } catch (error) {
      await this.#rewind();
      throw error;
    }
  }

  /** Whether all of them can be read and replayed as they are: what a control record says is asked for in the store. */
  #isNext({ after, records, rows }: Fresh): boolean {
    const isBehind = this.#cursor?.position === after.position && this.#cursor.hash === after.hash && this.#unknownFeature() === null;
    const bytes = rows.reduce((sum, row) => sum + row.bytes.length, 0);
    return isBehind && records.length <= BATCH.records && bytes <= BATCH.bytes && records.every(({ header }) => header.type === 'commit');
  }

  /** Everything that needs no state: signatures, roles, epochs, decryption. Advances membership and keys. */
  async #prepare(
    records: readonly LogRecord[],
    known: ReadonlyMap<RecordHash, Commit>,
  ): Promise<{ steps: Step[]; stopped: ReplayStop | null }> {
    const steps: Step[] = [];
    for (const record of records) {
      if (record.header.type === 'control') {
        const step = this.#applyControl(readControl(record));
        steps.push(step);
        if (step.type === 'control') await this.#loadKeys();
        const stopped = this.#unknownFeature();
        if (stopped !== null) return { steps, stopped };
        continue;
      }
      const step = (await this.#readCommit(record, known.get(record.hash))) ?? (await this.#readWithLaterKey(record));
      if (step === null)
        return { steps, stopped: { type: 'waiting-for-key', position: record.header.position, keyId: record.header.keyId } };
      steps.push(step);
    }
    return { steps, stopped: null };
  }

  /** A batch failed (a full disk, say): membership goes back to where the saved cursor is. */
  async #rewind(): Promise<void> {
    this.#membership = null;
    this.#keys = null;
    this.#laterKeys = null;
    this.dropped.clear();
    await this.open();
  }

  #unknownFeature(): ReplayStop | null {
    const feature = this.#membership?.features.find((f) => !KNOWN_FEATURES.includes(f));
    return feature === undefined ? null : { type: 'unknown-feature', position: this.#membership?.lastControlPosition ?? 0, feature };
  }

  #applyControl(step: Step): Step {
    if (this.#membership === null) {
      const started = step.type === 'control' ? startMembership(step.record, step.payload) : null;
      if (started === null || !started.ok) throw new Error(`space ${this.#space} has no valid genesis`);
      this.#membership = started.value;
      return step;
    }
    if (step.type === 'control') {
      const applied = applyControl(this.#membership, step.record, step.payload);
      if (applied.ok) {
        this.#membership = applied.value;
        this.dropped.note(step.payload, step.record.header.position);
        return step;
      }
      this.#membership = linkVoidControl(this.#membership, step.record);
      return { type: 'void', record: step.record, reason: applied.error };
    }
    this.#membership = linkVoidControl(this.#membership, step.record);
    return step;
  }

  async #readCommit(record: LogRecord, known: Commit | undefined): Promise<Step | null> {
    const [membership, { compression }] = [this.#membership as Membership, this.#deps];
    return readCommit(record, { space: this.#space, membership, keys: this.#keys, compression }, known);
  }

  /** One transaction. False where `before` says that it is not to be. */
  async #commitBatch(
    steps: readonly Step[],
    report: Replayed,
    before: (tx: StoreTransaction) => Promise<boolean> = () => Promise.resolve(true),
  ): Promise<boolean> {
    const { store, machine, clock } = this.#deps;
    const known = (items: readonly Item[]): Map<string, ItemState> | null => this.#last.all(items);
    const deps = { space: this.#space, machine: machine.key.machine, dropped: this.dropped, clock, known };
    const made = await this.#last.writing(
      () => store.write(async (tx) => ((await before(tx)) ? applySteps(tx, steps, deps) : null)),
      (run) => run?.states.values() ?? [],
    );
    if (made === null) return false;
    this.#cursor = made.cursor;
    for (const settle of made.settles) settle();
    for (const [key, item] of made.touched) report.touched?.set(key, item);
    report.landed.push(...made.landed);
    report.made += made.made;
    report.replayed += made.replayed.size;
    for (const { position, reason, named } of made.voids) {
      report.voids.push({ position, reason });
      this.#deps.log('record is void', { space: this.#space, position, reason: named });
    }
    return true;
  }

  /**
   * A machine that was listed late, or listed again after a revocation, is handed the keys of all that it missed by a
   * control record further on: they are taken from there. `null` where no record of the local log hands them out.
   * Cost: O(control records).
   */
  async #readWithLaterKey(record: LogRecord): Promise<Step | null> {
    const { machine, wrapping, store } = this.#deps;
    const controls = await store.read((tx) => tx.logs.controls(this.#space, record.header.position + 1));
    let later = this.#membership as Membership;
    for (const stored of controls) {
      const step = readControl(expectRecord(stored));
      const applied = step.type === 'control' ? applyControl(later, step.record, step.payload) : null;
      later = applied?.ok === true ? applied.value : linkVoidControl(later, step.record);
    }
    const secrets = await openSecrets(later, machine.key.machine, machine.identity, wrapping);
    if (secrets?.epochKeys.has(record.header.keyId) !== true) return null;
    this.#laterKeys = { position: later.lastControlPosition, keys: createSpaceKeys(secrets) };
    await this.#loadKeys();
    return this.#readCommit(record, undefined);
  }

  async #loadKeys(): Promise<void> {
    const { machine, wrapping } = this.#deps;
    const membership = this.#membership as Membership;
    if (this.#laterKeys !== null && membership.lastControlPosition < this.#laterKeys.position) {
      this.#keys = this.#laterKeys.keys;
      return;
    }
    this.#laterKeys = null;
    const { epochs, envelopes } = membership;
    const own = envelopes.get(machine.key.machine);
    if (this.#opened?.epochs !== epochs || this.#opened.own !== own) {
      const secrets = await openSecrets(membership, machine.key.machine, machine.identity, wrapping);
      this.#opened = { epochs, own, keys: secrets === null ? null : createSpaceKeys(secrets) };
    }
    this.#keys = this.#opened.keys;
  }
}

function expectRecord(stored: StoredRecord): LogRecord {
  const record = decodeRecord(stored.bytes);
  if (!record.ok) throw new Error(`record ${stored.position} in the store is damaged (${record.error}); run: satchel store verify`);
  return record.value;
}
