import type { Head } from '../core/log/record.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Random } from '../core/ports/random.ts';
import { PlaceLost, RemoteError, type Remote } from '../core/ports/remote.ts';
import { beginWithCheckpoint } from '../core/replica/late-join.ts';
import { Mutex } from '../core/replica/mutex.ts';
import type { Replica } from '../core/replica/replica.ts';
import { HomeMoved } from '../core/replica/administer.ts';
import { readFrom, type SyncReport } from '../core/replica/transfer.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { createBackfillLoop, type BackfillLoop } from './backfill-loop.ts';
import { sayTrouble } from './disk-full.ts';
import { HeardNews } from './heard-news.ts';
import { createHomeConnection, type HomeConnection } from './home-connection.ts';
import { createLostBodies, type LostBodies } from './lost-bodies.ts';
import { restAfterLanding } from './landing-rest.ts';
import { createLiveStream, type LiveStream } from './live-stream.ts';
import { createRetryPause, type RetryPause } from './retry-pause.ts';
import { learnRemoval } from './revocation.ts';
import { inSmallHeap } from './small-heap.ts';
import { SyncExchanges, type Known } from './sync-exchange.ts';
import { problemOf, problemTypeOf, type SyncProblemType } from './sync-problem.ts';
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
  /** What could not be put in place for want of its body may be, by the next {@link SpaceRunnerDeps.apply}. */
  readonly hasten?: () => void;
  /** Whether the log says that its home is somewhere else than this runner looks for it. */
  readonly isElsewhere?: () => Promise<boolean>;
  /** It is, and the place where the runner looks says nothing newer: it is to be replaced. */
  readonly onElsewhere?: () => void;
  /** After each sync. */
  readonly afterSync?: () => Promise<void>;
  /** Told of each sync that failed, or that did not bring the logs together. */
  readonly onFailure?: (type: SyncProblemType) => void;
}

/** Milliseconds: a home of which nothing is heard is asked that often instead. */
const DEAF_SYNC = 30_000;
const NOTHING: Known = { isCurrent: false, heard: null };

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
  readonly #home: HomeConnection;
  #state: SyncState = { lastSync: null, problem: null, problemType: null, retryAt: null };
  #wanted = false;
  readonly #news = new HeardNews();
  readonly #exchanges: SyncExchanges;
  #running: Promise<void> | null = null;
  /** `null`: it was not started, and only does what it is asked for. */
  #live: Promise<void> | null = null;
  readonly #turns = new Mutex();
  /** That read, send or apply now. */
  #syncs = 0;
  readonly #backfill: BackfillLoop;
  readonly #lost: LostBodies;
  readonly #retries: RetryPause;
  readonly #stream: LiveStream;
  /** By the last sync the remote's log ended where ours does, and the live stream would have said what came behind it. */
  #isCurrent = false;

  constructor(deps: SpaceRunnerDeps) {
    this.#deps = deps;
    const { replica, clock, random, log } = deps;
    const stopped = this.#stopping.signal;
    this.#exchanges = new SyncExchanges({ replica, news: this.#news, apply: deps.apply, onUnapplied: () => this.kick() });
    this.#home = createHomeConnection(deps.openRemote, (remote) => replica.setRemote(remote));
    const connected = (): Promise<Remote> => this.connected();
    this.#backfill = createBackfillLoop({ replica, clock, log, connected, apply: deps.apply, stopped });
    this.#lost = createLostBodies({ replica, clock, log });
    this.#retries = createRetryPause({ clock, random, stopped });
    this.#stream = createLiveStream({
      space: replica.space,
      clock,
      log,
      connected,
      failures: () => this.#retries.failures,
      onBack: (head) => {
        this.#lost.cameBack(head);
        this.kick();
      },
      onHead: (head) => this.#hear(head),
      onSilence: (wasHeard) => {
        this.#isCurrent = false;
        if ((wasHeard || this.#isStale()) && !stopped.aborted) this.kick();
      },
      stopped,
    });
  }

  get state(): SyncState {
    return this.#state;
  }

  /** Nothing is tried again by itself, and the last word of it is old: whoever hears nothing of it either would never learn what became of it. */
  #isStale(): boolean {
    const { problem, lastSync } = this.#state;
    return problem === null && lastSync !== null && Math.abs(this.#deps.clock.now() - lastSync) >= DEAF_SYNC;
  }

  get remote(): Remote | null {
    return this.#home.remote;
  }

  /** Bodies that this machine brought again to a home that had lost them, since it was opened. */
  get broughtAgain(): number {
    return this.#lost.brought;
  }

  /** Starts to sync by itself. Without it `syncNow` still works: commands that run without a node use that. */
  start(): void {
    const stopListening = this.#deps.replica.onChange(() => {
      if (this.#deps.replica.draftCount > 0 || !this.#exchanges.noteChange()) this.kick();
    });
    this.#stopping.signal.addEventListener('abort', stopListening);
    this.#live = this.#stream.run();
    this.kick();
  }

  /** Something changed: sync soon. Cheap; many calls are one sync. */
  kick(): void {
    this.#wanted = true;
    this.#retries.shorten();
    this.#begin();
  }

  /** The remote said where its log ends: news, unless ours ends there by the time that is looked at. */
  #hear(head: Head | null): void {
    if (this.#lost.isTold(head)) this.#lookAgain();
    this.#news.hear(head);
    this.#retries.shorten();
    this.#begin();
  }

  #begin(): void {
    if (this.#running !== null || this.#stopping.signal.aborted) return;
    this.#running = this.#work().finally(() => {
      this.#running = null;
      if ((this.#wanted || this.#news.isThere) && this.#state.retryAt === null) this.#begin();
    });
  }

  /** Bodies that the home lost may be wanted, or there again. */
  #lookAgain(): void {
    this.#wanted = true;
    this.#lost.ask();
    this.#deps.hasten?.();
  }

  /**
   * One sync now, behind one that runs. Throws what it throws; whoever syncs by itself tries it again. Throws {@link HomeMoved}
   * where the home is elsewhere by what was read, now or before.
   */
  async syncNow(onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    this.#lost.ask();
    this.#deps.hasten?.();
    try {
      return await this.#syncInTurn(NOTHING, onProgress);
    } catch (error) {
      if (error instanceof HomeMoved) throw error;
      this.#noteFailure(error);
      // What was heard of is taken by now, and what was read may not be in place: nothing else would tell of it.
      if (this.#live !== null) this.kick();
      throw error;
    }
  }

  /** Whoever asks how it is hears of it from now on, whenever it is tried again. */
  #noteFailure(error: unknown): void {
    this.#state = { ...this.#state, problem: sayTrouble(error), problemType: problemTypeOf(error) };
  }

  /** `isCurrent`: where nothing speaks against it by then. */
  async #syncInTurn(known: Known, onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    const report = await this.#turns.run(() => this.#trySync({ ...known, isCurrent: known.isCurrent && this.#isCurrent }, onProgress));
    this.#retries.reset();
    this.#retries.end();
    return report;
  }

  /**
   * The machine slept, or is in another network: connections may be dead without knowing it, and what failed may work.
   * Drops them, and tries at once. Where it may only have been busy (`late`), a sync under way keeps its connections,
   * which end by themselves where nothing moves on them for half a minute; they are dropped when it fails.
   */
  async wakeUp(reason: WakeReason): Promise<void> {
    if (this.#live === null || this.#stopping.signal.aborted) return;
    this.#retries.reset();
    this.#wanted = true;
    this.#isCurrent = false;
    this.#stream.reopen();
    // What was under way fails, and must not pause for that.
    if (reason === 'late' && (this.#syncs > 0 || this.#backfill.running !== null)) this.#home.doubt();
    else await this.#home.drop();
    this.#retries.end();
    this.kick();
  }

  async #trySync(known: Known, onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    this.#syncs += 1;
    try {
      return await this.#home.proving(() => this.#sync(known, onProgress));
    } catch (error) {
      // What is open knows the place that was: the next try meets the one that is.
      if (error instanceof PlaceLost) await this.#home.drop();
      throw error;
    } finally {
      this.#syncs -= 1;
    }
  }

  /** Captures and syncs: what is captured is on its way while more is. The report is of all that was carried meanwhile. */
  async syncAround(capture: () => Promise<void>, onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    const before = this.#exchanges.carried;
    const stopListening = this.#deps.replica.onChange(() => this.kick());
    try {
      await this.#exchanges.duringCapture(capture);
    } catch (error) {
      // What was read during the capture was left to the sync behind it.
      if (this.#live !== null) this.kick();
      throw error;
    } finally {
      stopListening();
    }
    const last = await this.syncNow(onProgress);
    const { pulled, pushed } = this.#exchanges.carried;
    return { ...last, pulled: pulled - before.pulled, pushed: pushed - before.pushed };
  }

  /** The first one of a machine that joins may bring a long log. */
  #sync(known: Known, onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    const sync = (): Promise<SyncReport> => this.#syncOnce(known, onProgress);
    return this.#deps.replica.term === null ? inSmallHeap(sync) : sync();
  }

  async #syncOnce(known: Known, onProgress?: (done: number, total: number) => void): Promise<SyncReport> {
    const remote = await this.connected();
    const stream = this.#stream.current;
    this.#isCurrent = false;
    // Here, so that no other sync reads the whole log meanwhile.
    if (this.#deps.replica.term === null) await beginWithCheckpoint(this.#deps.replica, remote);
    await this.#expectHome(remote, onProgress);
    const report = await this.#exchanges.run(remote, known, onProgress);
    this.#isCurrent = report.divergence === null && !report.moved && stream !== null && stream === this.#stream.current;
    const { divergence } = report;
    const isHidden = divergence?.type === 'rolled-back' && divergence.remote === null;
    this.#note(report, isHidden && (await learnRemoval(this.#deps.replica, remote, this.#deps.clock)));
    if (divergence === null && !report.moved) await this.#lost.bring(remote);
    await this.#deps.afterSync?.();
    // To send the rest; unless the home is elsewhere by now, in which case another runner takes over.
    if (report.moved && !this.#stopping.signal.aborted) return this.#sync(NOTHING, onProgress);
    // Commands that run without a node leave that to one.
    if (report.divergence === null && this.#live !== null) this.#backfill.start();
    return report;
  }

  /**
   * What is sent to a home that was left stands behind the move, where nobody reads it, and parts our log from everybody's. Where this
   * runner was told of its remote by something newer than the log here, as a link, it is read there that it is the home.
   */
  async #expectHome(remote: Remote, onProgress?: (done: number, total: number) => void): Promise<void> {
    const { replica, isElsewhere, onElsewhere } = this.#deps;
    if (!(await isElsewhere?.())) return;
    const { divergence } = await readFrom(replica, remote, onProgress);
    if (divergence !== null || !(await isElsewhere?.())) return;
    onElsewhere?.();
    throw new HomeMoved();
  }

  /** Resolves when no sync runs. */
  async idle(): Promise<void> {
    await this.#turns.run(() => Promise.resolve());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#home.remote?.close();
    await Promise.allSettled([this.#live, this.#running, this.#backfill.running]);
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping;
    while ((this.#wanted || this.#news.isThere) && !signal.aborted) {
      try {
        const due = await this.#due();
        if (due === null) continue;
        const { clock } = this.#deps;
        const [before, began] = [this.#exchanges.carried.pushed, clock.now()];
        await this.#syncInTurn(due);
        if (this.#exchanges.carried.pushed > before)
          await restAfterLanding({ ...this.#deps, stopped: signal }, this.#home.remote, clock.now() - began);
      } catch (error) {
        await this.#failed(error);
      }
    }
  }

  /** Takes what calls for a sync. `null` where all that does is a head that ours is by now, as after what we sent ourselves. */
  async #due(): Promise<Known | null> {
    const [wanted, heard] = [this.#wanted, this.#news.take()];
    this.#wanted = false;
    const isNews = heard !== null && (await this.#exchanges.isNews(heard.head));
    if (isNews || heard?.head === null) this.#isCurrent = false;
    const isDue = wanted || heard === null || isNews || this.#state.problem !== null || heard.head?.position !== this.#exchanges.appliedTo;
    // What else calls for one may have missed more than that head says.
    return isDue ? { isCurrent: true, heard: !wanted && isNews ? heard.head : null } : null;
  }

  #note(report: SyncReport, wasRemoved: boolean): void {
    const problem = problemOf(report, this.#deps.replica, wasRemoved);
    if (problem === null) this.#state = { lastSync: this.#deps.clock.now(), problem: null, problemType: null, retryAt: null };
    else {
      this.#state = { ...this.#state, problem: problem.message, problemType: problem.type, retryAt: null };
      this.#deps.onFailure?.(problem.type);
    }
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const { clock, log } = this.#deps;
    const pause = this.#retries.failed(error);
    // Another runner takes over. Where it could not yet, that is tried again.
    if (error instanceof HomeMoved) {
      await this.#retries.sleep(pause);
      this.#wanted = true;
      return;
    }
    this.#deps.onFailure?.(problemTypeOf(error));
    this.#noteFailure(error);
    this.#state = { ...this.#state, retryAt: clock.now() + pause.whole };
    if (error instanceof RemoteError) log.warn({ type: error.type, pause: Math.round(pause.whole) }, 'sync failed');
    else log.error({ error: error instanceof Error ? error.stack : sayTrouble(error) }, 'sync failed');
    await this.#retries.sleep(pause);
    this.#state = { ...this.#state, retryAt: null };
    this.#wanted = true;
  }

  /** The home remote, opened if it was not yet. Throws RemoteError. */
  connected(): Promise<Remote> {
    return this.#home.connected();
  }
}
