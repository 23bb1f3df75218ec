import type { SpaceId } from '../core/ids.ts';
import type { Blobs } from '../core/ports/blobs.ts';
import type { Clock } from '../core/ports/clock.ts';
import { RemoteError } from '../core/ports/remote.ts';
import { StoreUnavailable } from '../core/ports/store.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { StoppedLog } from '../store/bucket/index-log.ts';

/** What is known of a hub's bucket: by looking, and by what became of what the hub asked of it. */
export interface BucketWatch {
  /** As shown to people. */
  readonly address: string;
  /** Why it cannot be used, as of the last time; `null`: it answered, or was not asked yet. */
  readonly problem: StoreUnavailable | null;
  /** Asks now, by one request, for {@link LOOK_LIMIT} at most. Throws `StoreUnavailable` with what helps. */
  ask(): Promise<void>;
  /** Tells of each change, from now on, until the function that it gives is called. */
  onChange(heard: (problem: StoreUnavailable | null) => void): () => void;
  /** Spaces of whose bodies nothing is taken or given, since what the bucket says of them cannot be read on, as of the last time. */
  readonly stopped: ReadonlyMap<SpaceId, StoreUnavailable>;
  /** Has it read on now, so that {@link stopped} is right of that space. Two requests. Throws `StoreUnavailable`. */
  readOn(space: SpaceId): Promise<void>;
  /** Tells of each space of which the bucket lost entries, those that were told before included; to one at most. */
  onLost(heard: (space: SpaceId) => void): void;
  /** Looks now and then, until the signal aborts, so that what is wrong is known before somebody needs it, and so is that it is over. */
  run(signal: AbortSignal): Promise<void>;
}

/** What the objects in the bucket tell the watch. */
export interface WatchedBucket extends BucketWatch {
  /** A request was answered. */
  answered(): void;
  /** One failed. That it does not answer counts once a look of the watch's own found the same: one that failed is no outage. */
  failed(error: RemoteError): void;
  /** It lost entries of that space, and this hub began its log of bodies anew. */
  lost(space: SpaceId): void;
  /** What it says of the bodies of that space was read to its end (`null`), or to what cannot be read. */
  read(space: SpaceId, stopped: StoppedLog | null): void;
  /** It did not answer the last look, and the next one is under way or soon: nobody need wait for what would not come. */
  readonly isAway: boolean;
}

export interface BucketWatchDeps {
  /** The bucket, with retries that end soon: {@link LOOK_RETRIES}. */
  readonly blobs: Pick<Blobs, 'address' | 'read'>;
  readonly clock: Clock;
  readonly log: Pick<HubLog, 'warn' | 'info'>;
  /** Has what it says of the bodies of a space read on. */
  readonly readOn: (space: SpaceId) => Promise<void>;
  /** Spaces of whose bodies this hub knew before it began what the bucket said. */
  readonly known: () => Promise<readonly SpaceId[]>;
}

/** Milliseconds: a look of its own ends by itself before {@link LOOK_LIMIT}, and that is for what nothing ends. */
export const LOOK_RETRIES = { attempts: 3, patience: 2_000, attemptTime: 3_000 };
const LOOK_LIMIT = 6_000;
/** Milliseconds until the next look: where nothing was asked of it meanwhile, where it is away, where it does not let this hub in. */
const QUIET = 30_000;
const AWAY = 2_000;
const NOT_LET_IN = 10_000;

/** The file is read anew whenever the bucket says no (`renewed-blobs.ts`). */
const REFUSED =
  'Correct what opens the bucket (docs/guides/object-storage.md): in buckets.json beside config.json, which this hub reads anew by itself; or in its environment, and start it again';
const DAMAGED =
  'Update Satchel on this hub, where a newer one keeps bodies in that bucket; else put back what is damaged there from a copy of the bucket, or remove that blob: the log goes on without it, and machines bring again what is missing';
const NEWER =
  'Update Satchel on this hub: a newer one keeps bodies of that space in the bucket. Nothing is lost meanwhile: machines keep what they send until it is taken';
const UNREACHABLE = 'Bring the bucket within reach: it is asked again by itself, and clients come again meanwhile';

/** Trouble of a hub's bucket as trouble of its store, with what helps; any other error as it is. */
export function bucketTrouble(error: unknown): unknown {
  return error instanceof RemoteError ? troubleOf(error, error.message) : error;
}

function troubleOf(error: RemoteError, message: string): StoreUnavailable {
  const isAway = error.type === 'unreachable';
  return new StoreUnavailable(isAway ? 'unreachable' : 'refused', message, {
    retryAfter: error.retryAfter ?? AWAY,
    remedy: remedyOf(error),
    cause: error,
  });
}

function remedyOf(error: RemoteError): string {
  if (error.type === 'unreachable') return UNREACHABLE;
  if (error instanceof StoppedLog && error.isNewer) return NEWER;
  return error.type === 'protocol' ? DAMAGED : REFUSED;
}

export function createBucketWatch({ blobs, clock, log, readOn: readNow, known }: BucketWatchDeps): WatchedBucket {
  const { address } = blobs;
  const listeners = new Set<(problem: StoreUnavailable | null) => void>();
  let problem: StoreUnavailable | null = null;
  let isRunning = false;
  let isOver = false;
  let heardAt = -Infinity;
  const stopped = new Map<SpaceId, StoreUnavailable>();
  let hearLost: ((space: SpaceId) => void) | null = null;
  const early = new Set<SpaceId>();
  let sleeping = new AbortController();

  function become(next: StoreUnavailable | null): void {
    if (isOver) return;
    heardAt = clock.now();
    const isChange = problem?.reason !== next?.reason;
    problem = next;
    if (!isChange) return;
    if (next === null) log.info({ bucket: address }, 'the bucket answers again');
    else
      log.warn(
        { bucket: address, error: next.message },
        next.reason === 'unreachable' ? 'the bucket does not answer' : 'the bucket does not let this hub in',
      );
    for (const heard of listeners) heard(next);
    // The next look is at another time now.
    sleeping.abort();
  }

  /** Never rejects. */
  async function look(): Promise<unknown> {
    const late = new AbortController();
    const asked = blobs.read('chunks/nothing', { offset: 0, length: 1 }).then(
      () => null,
      (error: unknown) => error,
    );
    const silent = new RemoteError('unreachable', `${address}: no answer within ${LOOK_LIMIT / 1000} s`);
    const error = await Promise.race([asked, clock.sleep(LOOK_LIMIT, late.signal).then(() => silent)]);
    late.abort();
    return error;
  }

  async function ask(): Promise<void> {
    const error = await look();
    if (error === null) return become(null);
    if (!(error instanceof RemoteError)) throw error;
    const said = error.message.startsWith(`${address}: `) ? error.message.slice(address.length + 2) : error.message;
    const trouble = troubleOf(
      error,
      `the bucket ${address} ${error.type === 'unreachable' ? 'does not answer' : 'does not let this hub in'}: ${said}`,
    );
    become(trouble);
    throw trouble;
  }

  function read(space: SpaceId, by: StoppedLog | null): void {
    if (by === null) {
      if (stopped.delete(space)) log.info({ bucket: address, space }, 'the log of encrypted bodies of a space is read on');
      return;
    }
    const trouble = troubleOf(by, by.message);
    if (!stopped.has(space))
      log.warn(
        { bucket: address, space, error: by.message, next: trouble.remedy },
        'the log of encrypted bodies of a space cannot be read on',
      );
    stopped.set(space, trouble);
  }

  async function readOn(space: SpaceId): Promise<void> {
    if (isRunning && problem?.reason === 'unreachable') throw problem;
    try {
      await readNow(space);
    } catch (error) {
      throw bucketTrouble(error);
    }
  }

  /**
   * Reads on of each space once, so that a bucket that became another one meanwhile is noticed before somebody misses something; then of
   * those that are stopped: whoever needs a body of one asks anyway, and of some nobody asks anything. One by one. Never rejects.
   */
  async function readOnByItself(signal: AbortSignal): Promise<void> {
    let left: readonly SpaceId[] | null = null;
    for (; !signal.aborted; await clock.sleep(QUIET, signal)) {
      left ??= await known().catch((error: unknown) => {
        notAsked(error);
        return null;
      });
      const later: SpaceId[] = [];
      for (const space of new Set([...(left ?? []), ...stopped.keys()])) {
        if (signal.aborted) return;
        if (!(await isReadOn(space)) && !stopped.has(space)) later.push(space);
      }
      if (left !== null) left = later;
    }
  }

  async function isReadOn(space: SpaceId): Promise<boolean> {
    try {
      await readOn(space);
      return true;
    } catch (error) {
      notAsked(error);
      return false;
    }
  }

  /** Trouble is known by now, and said where it changed. */
  function notAsked(error: unknown): void {
    if (error instanceof StoreUnavailable || isOver) return;
    log.warn({ bucket: address, error: String(error) }, 'the bucket could not be asked');
    heardAt = clock.now();
  }

  return {
    address,
    stopped,
    read,
    readOn,
    get problem() {
      return problem;
    },
    get isAway() {
      return isRunning && problem?.reason === 'unreachable';
    },
    ask,
    answered: () => become(null),
    failed(error) {
      if (error.type === 'unauthorized') become(troubleOf(error, error.message));
      else if (error.type === 'unreachable' && problem === null) {
        heardAt = -Infinity;
        sleeping.abort();
      }
    },
    onChange(heard) {
      listeners.add(heard);
      return () => void listeners.delete(heard);
    },
    onLost(heard) {
      hearLost = heard;
      for (const space of early) heard(space);
      early.clear();
    },
    lost(space) {
      if (hearLost === null) early.add(space);
      else hearLost(space);
    },
    async run(signal) {
      isRunning = true;
      const ended = new Promise<void>((resolve) => {
        const end = (): void => {
          isOver = true;
          sleeping.abort();
          resolve();
        };
        signal.addEventListener('abort', end, { once: true });
      });
      void readOnByItself(signal);
      while (!signal.aborted) {
        const wait = problem === null ? QUIET : problem.reason === 'unreachable' ? AWAY : NOT_LET_IN;
        const rest = heardAt + wait - clock.now();
        // A clock that was set back must not stop it from looking.
        if (rest > 0 && rest <= wait) {
          sleeping = new AbortController();
          await clock.sleep(rest, sleeping.signal);
          continue;
        }
        await Promise.race([ask().catch(notAsked), ended]);
      }
      isRunning = false;
    },
  };
}
