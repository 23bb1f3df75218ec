import type { SpaceId } from '../core/ids.ts';
import type { Head } from '../core/log/record.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Random } from '../core/ports/random.ts';
import { RemoteError, type Remote } from '../core/ports/remote.ts';
import { backfill } from '../core/replica/late-join.ts';
import { Mutex } from '../core/replica/mutex.ts';
import type { Replica } from '../core/replica/replica.ts';
import { syncWith, type SyncReport } from '../core/replica/transfer.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { sayTrouble } from './disk-full.ts';
import { learnRemoval } from './revocation.ts';
import { problemOf, type SyncProblemType } from './sync-problem.ts';
import type { WakeReason } from './wake-watch.ts';

/** Where a space stands, for `status`. */
export interface SyncState {
  /** Milliseconds since 1970 of the last time when local and remote log were seen equal. */
  readonly lastSync: number | null;
  /** Why not, in words; `null` while it works. */
  readonly problem: string | null;
  readonly problemType: SyncProblemType | null;
  /** When the next try is due; `null` when one runs or none is planned. */
  readonly retryAt: number | null;
}

export interface SpaceRunnerDeps {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: HubLog;
  /** Opens the home remote; asked again after it failed. */
  readonly openRemote: () => Promise<Remote>;
  /** Puts what changed in place, on every source of the space. */
  readonly apply: () => Promise<void>;
  /** After each sync: where the log says that the home remote is somewhere else now, the runner is replaced. */
  readonly afterSync?: () => Promise<void>;
}

/** A sync that reads and sends now. */
interface Exchange {
  /** How often what it read or sent changed something here. */
  changes: number;
  isApplied: boolean;
  /** The apply that runs beside it; never rejects. */
  applying: Promise<void> | null;
}

const FIRST_RETRY = 1_000;
const LAST_RETRY = 5 * 60_000;
const LISTEN_AGAIN = 30_000;

/**
 * Keeps one space in sync: pushes when drafts appear, pulls when the remote says that its head moved, applies what
 * came. After a failure it tries again with pauses that grow to five minutes; sooner, though not within a second, when
 * something happens here, when the remote is heard of again (it is listened for every 30 s), and at once when asked to
 * ({@link SpaceRunner.syncNow}) or when the machine woke up ({@link SpaceRunner.wakeUp}). Where the remote said when to
 * come again, nothing but the last two comes before that. Pauses are slept, not compared with the clock, which may jump.
 */
export class SpaceRunner {
  readonly #deps: SpaceRunnerDeps;
  readonly #stopping = new AbortController();
  #remote: Remote | null = null;
  #state: SyncState = { lastSync: null, problem: null, problemType: null, retryAt: null };
  #wanted = false;
  /** What the remote said last of its head, where that was not looked at yet. */
  #heard: { readonly head: Head | null } | null = null;
  /** Who waits for news while something is put in place. */
  #onNews: (() => void) | null = null;
  /** While a sync reads and sends, what changes by that is applied by it: no other one is needed for it. */
  #exchange: Exchange | null = null;
  /** All up to this position was applied, and followed where the home moved. */
  #syncedTo = -1;
  #running: Promise<void> | null = null;
  #loops: Promise<void>[] = [];
  #failures = 0;
  readonly #turns = new Mutex();
  readonly #carried = { pulled: 0, pushed: 0 };
  #captures = 0;
  /** That read, send or apply now. */
  #syncs = 0;
  /** The remote whose connections may be dead, while a sync that is under way finds out. */
  #doubted: Remote | null = null;
  #backfilling = false;
  /** Ends the pause after a failure: `rest` for what happened here, `all` for who is sure that it is worth a try. */
  #pause: { readonly rest: AbortController; readonly all: AbortController } | null = null;
  /** Ends the live stream, which is opened anew. */
  #listening = new AbortController();
  /** The live stream, since it was heard of; another object each time. */
  #stream: object | null = null;
  /** By the last sync the remote's log ended where ours does, and the live stream would have said what came behind it. */
  #isCurrent = false;

  constructor(deps: SpaceRunnerDeps) {
    this.#deps = deps;
  }

  get state(): SyncState {
    return this.#state;
  }

  get remote(): Remote | null {
    return this.#remote;
  }

  /** Starts the live loops. Without it `syncNow` still works: commands that run without a node use that. */
  start(): void {
    const stopListening = this.#deps.replica.onChange(() => {
      if (this.#exchange === null || this.#deps.replica.draftCount > 0) this.kick();
      else this.#applyAlong(this.#exchange);
    });
    this.#stopping.signal.addEventListener('abort', stopListening);
    this.#loops.push(this.#watchLoop());
    this.kick();
  }

  /** Something changed: sync soon. Cheap; many calls are one sync. */
  kick(): void {
    this.#wanted = true;
    this.#pause?.rest.abort();
    this.#begin();
  }

  /** The remote said where its log ends: news, unless ours ends there by the time that is looked at. */
  #hear(head: Head | null): void {
    this.#heard = { head };
    this.#onNews?.();
    this.#pause?.rest.abort();
    this.#begin();
  }

  #begin(): void {
    if (this.#running !== null || this.#stopping.signal.aborted) return;
    this.#running = this.#work().finally(() => {
      this.#running = null;
      if ((this.#wanted || this.#heard !== null) && this.#state.retryAt === null) this.#begin();
    });
  }

  /** One sync now, behind one that runs. Throws what it throws. */
  async syncNow(onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    return this.#syncInTurn(false, onProgress);
  }

  /** `mayBeCurrent`: what is to be sent may go without a question first, where nothing speaks against it. */
  async #syncInTurn(mayBeCurrent: boolean, onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    const report = await this.#turns.run(() => this.#trySync(mayBeCurrent && this.#isCurrent, onProgress));
    this.#failures = 0;
    this.#pause?.all.abort();
    return report;
  }

  /**
   * The machine slept, or is in another network: connections may be dead without knowing it, and what failed may work.
   * Drops them, and tries at once. Where it may only have been busy (`late`), a sync under way keeps its connections,
   * which end by themselves where nothing moves on them for half a minute; they are dropped when it fails.
   */
  async wakeUp(reason: WakeReason): Promise<void> {
    if (this.#loops.length === 0 || this.#stopping.signal.aborted) return;
    this.#failures = 0;
    this.#wanted = true;
    this.#isCurrent = false;
    this.#listening.abort();
    // What was under way fails, and must not pause for that.
    if (reason === 'late' && (this.#syncs > 0 || this.#backfilling)) this.#doubted = this.#remote;
    else await this.#drop();
    this.#pause?.all.abort();
    this.kick();
  }

  async #drop(): Promise<void> {
    const remote = this.#remote;
    this.#remote = null;
    this.#doubted = null;
    await remote?.close();
  }

  /** Where connections were in doubt, it finds out. */
  async #trySync(isCurrent: boolean, onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    this.#syncs += 1;
    try {
      const report = await this.#sync(isCurrent, onProgress);
      this.#doubted = null;
      return report;
    } catch (error) {
      if (this.#doubted !== null && this.#doubted === this.#remote) await this.#drop();
      throw error;
    } finally {
      this.#syncs -= 1;
    }
  }

  /** Captures and syncs: what is captured is on its way while more is. The report is of all that was carried meanwhile. */
  async syncAround(capture: () => Promise<void>, onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    const before = { ...this.#carried };
    const stopListening = this.#deps.replica.onChange(() => this.kick());
    this.#captures += 1;
    try {
      await capture();
    } finally {
      this.#captures -= 1;
      stopListening();
    }
    const last = await this.syncNow(onProgress);
    return { ...last, pulled: this.#carried.pulled - before.pulled, pushed: this.#carried.pushed - before.pushed };
  }

  async #sync(isCurrent: boolean, onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    const remote = await this.connected();
    const stream = this.#stream;
    this.#isCurrent = false;
    const report = await this.#exchangeWith(remote, isCurrent, onProgress);
    this.#isCurrent = report.divergence === null && !report.moved && stream !== null && stream === this.#stream;
    const { divergence } = report;
    const isHidden = divergence?.type === 'rolled-back' && divergence.remote === null;
    this.#note(report, isHidden && (await learnRemoval(this.#deps.replica, remote, this.#deps.clock)));
    await this.#deps.afterSync?.();
    // Unless the home is elsewhere by now, in which case another runner takes over.
    if (report.moved && !this.#stopping.signal.aborted) return this.#sync(false, onProgress);
    if (report.divergence === null) this.#backfill();
    return report;
  }

  /**
   * Reads, sends, and applies: the last not during a capture, for whose end it would wait, and what is to be sent with
   * it. What comes in many pages is put in place while more is read.
   */
  async #exchangeWith(remote: Remote, isCurrent: boolean, onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    const exchange: Exchange = { changes: 0, isApplied: false, applying: null };
    this.#exchange = exchange;
    try {
      const report = await this.#carry(remote, isCurrent, onProgress);
      await exchange.applying;
      return this.#captures === 0 ? await this.#applyAll(exchange, remote, report) : report;
    } finally {
      this.#exchange = null;
      await exchange.applying;
      if (exchange.changes > 0 && !exchange.isApplied) this.kick();
    }
  }

  async #carry(...asked: [remote: Remote, isCurrent: boolean, onProgress?: (done: number, total: number) => void]): Promise<SyncReport> {
    const [remote, isCurrent, onProgress] = asked;
    const report = await syncWith(this.#deps.replica, remote, onProgress, isCurrent);
    this.#carried.pulled += report.pulled;
    this.#carried.pushed += report.pushed;
    return report;
  }

  /** Puts all in place. What is heard of meanwhile, which may be long, is read at once, and put in place next. */
  async #applyAll(exchange: Exchange, remote: Remote, first: SyncReport): Promise<SyncReport> {
    let report = first;
    for (;;) {
      const { position } = this.#deps.replica;
      exchange.changes = 0;
      exchange.isApplied = false;
      const applied = this.#deps.apply();
      exchange.applying = applied.catch(() => undefined).finally(() => (exchange.applying = null));
      const isOver = report.divergence !== null || report.moved;
      const [apply, read] = await Promise.allSettled([applied, isOver ? null : this.#readUntil(applied, remote)]);
      if (apply.status === 'rejected') throw apply.reason;
      this.#syncedTo = position;
      if (read.status === 'rejected') throw read.reason;
      exchange.isApplied = exchange.changes === 0;
      if (read.value === null) return report;
      report = added(report, read.value);
    }
  }

  /** Follows what is heard of the remote until something else has ended. `null`: nothing came. */
  async #readUntil(other: Promise<void>, remote: Remote): Promise<SyncReport | null> {
    const read: SyncReport[] = [];
    let isEnded = false;
    const end = (): void => {
      isEnded = true;
      this.#onNews?.();
    };
    other.then(end, end);
    const isOver = (): boolean => isEnded || read.some(({ divergence, moved }) => divergence !== null || moved);
    while (!isOver()) {
      const head = this.#heard?.head ?? null;
      if (head === null) {
        await new Promise<void>((resolve) => (this.#onNews = resolve));
        this.#onNews = null;
        continue;
      }
      this.#heard = null;
      if ((await this.#deps.replica.head())?.hash !== head.hash) read.push(await this.#carry(remote, false));
    }
    return read.reduce<SyncReport | null>((sum, each) => (sum === null ? each : added(sum, each)), null);
  }

  #applyAlong(exchange: Exchange): void {
    exchange.changes += 1;
    if (exchange.changes === 1 || exchange.applying !== null || this.#captures > 0) return;
    exchange.applying = this.#deps
      .apply()
      // The apply in the end meets the same, and says it.
      .catch(() => undefined)
      .finally(() => {
        exchange.applying = null;
      });
  }

  /** History from before a checkpoint comes in the background, a page at a time. */
  #backfill(): void {
    if (this.#backfilling || this.#loops.length === 0) return;
    this.#backfilling = true;
    const work = async (): Promise<void> => {
      while (!this.#stopping.signal.aborted) {
        const result = await backfill(this.#deps.replica, await this.connected());
        if (result === 'mismatch')
          this.#deps.log.error({}, 'the checkpoint that this machine began with was wrong; its state was derived from the log');
        // The sync before saw no divergence: the home was restored since, as the next one says, or it shows two histories.
        if (result === 'diverged') this.#deps.log.error({}, 'the home shows another history than the one that this machine began behind');
        // Who wrote what is known now, which consent asks for.
        if (result === 'done' || result === 'mismatch') await this.#deps.apply();
        if (result !== 'more') return;
        await this.#deps.clock.sleep(20, this.#stopping.signal);
      }
    };
    this.#loops.push(
      work()
        .catch((error: unknown) =>
          this.#deps.log.warn({ error: error instanceof Error ? error.message : String(error) }, 'history could not be fetched now'),
        )
        .finally(() => {
          this.#backfilling = false;
        }),
    );
  }

  /** Resolves when no sync runs. */
  async idle(): Promise<void> {
    await this.#turns.run(() => Promise.resolve());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#remote?.close();
    await Promise.allSettled([...this.#loops, this.#running ?? Promise.resolve()]);
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping;
    while ((this.#wanted || this.#heard !== null) && !signal.aborted) {
      try {
        if (!(await this.#isDue())) continue;
        await this.#syncInTurn(true);
      } catch (error) {
        await this.#failed(error);
      }
    }
  }

  /** Takes what calls for a sync. False where all that does is a head that ours is by now, as after what we sent ourselves. */
  async #isDue(): Promise<boolean> {
    const [wanted, heard] = [this.#wanted, this.#heard];
    this.#wanted = false;
    this.#heard = null;
    const isNews = heard !== null && (await this.#deps.replica.head())?.hash !== heard.head?.hash;
    if (isNews || heard?.head === null) this.#isCurrent = false;
    if (wanted || heard === null || isNews) return true;
    return this.#state.problem !== null || heard.head?.position !== this.#syncedTo;
  }

  #note(report: SyncReport, wasRemoved: boolean): void {
    const problem = problemOf(report, this.#deps.replica, wasRemoved);
    if (problem === null) this.#state = { lastSync: this.#deps.clock.now(), problem: null, problemType: null, retryAt: null };
    else this.#state = { ...this.#state, problem: problem.message, problemType: problem.type, retryAt: null };
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const { clock, random, log } = this.#deps;
    this.#failures += 1;
    const jitter = 0.75 + Buffer.from(random.bytes(1)).readUInt8(0) / 512;
    const hinted = error instanceof RemoteError ? error.retryAfter : undefined;
    const asked = hinted === undefined ? undefined : Math.max(hinted, FIRST_RETRY);
    const pause = asked ?? Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(this.#failures - 1, 10) * jitter);
    const message = sayTrouble(error);
    this.#state = {
      ...this.#state,
      problem: message,
      problemType: error instanceof RemoteError ? error.type : 'failed',
      retryAt: clock.now() + pause,
    };
    if (error instanceof RemoteError) log.warn({ type: error.type, pause: Math.round(pause) }, 'sync failed');
    else log.error({ error: error instanceof Error ? error.stack : message }, 'sync failed');
    const [all, rest] = [new AbortController(), new AbortController()];
    this.#pause = { all, rest };
    const ended = AbortSignal.any([all.signal, this.#stopping.signal]);
    const least = asked ?? Math.min(pause, FIRST_RETRY);
    await clock.sleep(least, ended);
    if (pause > least) await clock.sleep(pause - least, AbortSignal.any([rest.signal, ended]));
    this.#pause = null;
    this.#state = { ...this.#state, retryAt: null };
    this.#wanted = true;
  }

  async #watchLoop(): Promise<void> {
    const { clock, replica } = this.#deps;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const listening = new AbortController();
      this.#listening = listening;
      let heard = false;
      const onHead = (_space: SpaceId, head: Head | null): void => {
        const isFirst = !heard;
        heard = true;
        if (isFirst) this.#stream = listening;
        // Whoever comes back may have missed more than the head says.
        if (isFirst) this.kick();
        else this.#hear(head);
      };
      try {
        const remote = await this.connected();
        await remote.watch([replica.space], onHead, AbortSignal.any([listening.signal, signal]));
      } catch (error) {
        if (!(error instanceof RemoteError))
          this.#deps.log.error({ error: error instanceof Error ? error.message : String(error) }, 'watching failed');
      }
      this.#stream = null;
      this.#isCurrent = false;
      if (signal.aborted) break;
      // Whoever was heard and went silent may have news by now. Whoever was not, is listened for again.
      if (heard) this.kick();
      if (listening.signal.aborted) continue;
      const calm = heard ? FIRST_RETRY : Math.min(LISTEN_AGAIN, FIRST_RETRY * 2 ** Math.min(5, this.#failures));
      await clock.sleep(calm, AbortSignal.any([listening.signal, signal]));
    }
  }

  /** The home remote, opened if it was not yet. Throws RemoteError. */
  async connected(): Promise<Remote> {
    if (this.#remote === null) {
      this.#remote = await this.#deps.openRemote();
      this.#deps.replica.setRemote(this.#remote);
    }
    return this.#remote;
  }
}

function added(before: SyncReport, now: SyncReport): SyncReport {
  return { ...now, pulled: before.pulled + now.pulled, pushed: before.pushed + now.pushed };
}
