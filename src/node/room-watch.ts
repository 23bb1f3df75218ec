import { statfsSync } from 'node:fs';
import { rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../core/ports/clock.ts';
import { StoreUnavailable } from '../core/ports/store.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { isForWantOfRoom } from '../store/sqlite/sqlite-file.ts';
import { isDiskFull } from './disk-full.ts';
import { NO_ROOM } from './doctor/disk-room.ts';
import type { NodeHome } from './home.ts';

/** Whether there is room for what others send here: known by what failed for want of it, and by looking. */
export interface RoomWatch {
  /** Why nothing new is taken, as of the last time; `null`: there was room. Its reason is `full`. */
  readonly problem: StoreUnavailable | null;
  /** To be told of what failed. `null` where that was not for want of room. */
  failed(error: unknown): StoreUnavailable | null;
  /** Looks now: a few calls of the file system. */
  look(): Promise<void>;
  /** Tells of each change, from now on, until the function that it gives is called. */
  onChange(heard: (problem: StoreUnavailable | null) => void): () => void;
  /** While there is none, looks whether there is again, until the signal aborts. Asks for nothing while there is. */
  run(signal: AbortSignal): Promise<void>;
}

export interface RoomWatchDeps {
  readonly home: Pick<NodeHome, 'root' | 'store'>;
  /** The store is in a database elsewhere: its disk cannot be looked at from here. */
  readonly isElsewhere: boolean;
  readonly clock: Clock;
  readonly log: Pick<HubLog, 'warn' | 'info'>;
}

/** Milliseconds until the next look while there is no room. */
const AGAIN = 5_000;
/** Milliseconds without anything that failed. Callers come again before ({@link COME_AGAIN}), so that one that needs more than there is keeps this from ending. */
const QUIET = 30_000;
const COME_AGAIN = 10_000;
/** Bytes: so much more than when something failed is room. */
const MORE = 1024 * 1024;
/** Bytes, written and removed: a quota is no part of what the file system says is free. */
const PROBE = 64 * 1024;

export function createRoomWatch({ home, isElsewhere, clock, log }: RoomWatchDeps): RoomWatch {
  const { root } = home;
  const listeners = new Set<(problem: StoreUnavailable | null) => void>();
  let problem: StoreUnavailable | null = null;
  let [failedAt, freeThen, since] = [0, 0, 0];
  let wake = (): void => undefined;

  function become(next: StoreUnavailable | null): void {
    const before = problem;
    problem = next;
    if ((before === null) === (next === null)) return;
    if (next !== null) since = clock.now();
    // What was said when it began may have found no room in the log itself.
    if (next === null)
      log.info({ was: before?.message, since: new Date(since).toISOString() }, 'there is room again, and what is new is taken');
    else log.warn({ reason: next.message, next: next.remedy }, 'nothing new is taken for want of room');
    for (const heard of listeners) heard(next);
    wake();
  }

  function full(cause?: unknown): StoreUnavailable {
    return new StoreUnavailable('full', `the disk of ${root} is full: nothing new is taken`, {
      retryAfter: COME_AGAIN,
      remedy: 'Make room there: it goes on by itself, and machines keep what they send until it is taken',
      ...(cause === undefined ? {} : { cause }),
    });
  }

  /** Of the database, or of this home. */
  function shortageIn(error: unknown): StoreUnavailable | null {
    if (error instanceof StoreUnavailable) return error.reason === 'full' ? error : null;
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
    return isDiskFull(error) || isForWantOfRoom(code, home.store) ? full(error) : null;
  }

  async function isThereAgain(): Promise<boolean> {
    const now = clock.now();
    // A clock that was set back must not make it last.
    const isQuiet = now - failedAt >= QUIET || now < failedAt;
    if (isElsewhere) return isQuiet;
    const free = await freeAt(root);
    return free >= NO_ROOM && (isQuiet || free >= freeThen + MORE) && (await takesProbe(root));
  }

  async function look(): Promise<void> {
    if (problem !== null) {
      const last = failedAt;
      if ((await isThereAgain()) && failedAt === last) become(null);
    } else if (!isElsewhere && (await freeAt(root)) < NO_ROOM) {
      [failedAt, freeThen] = [clock.now(), 0];
      become(full());
    }
  }

  return {
    get problem() {
      return problem;
    },
    failed(error) {
      const shortage = shortageIn(error);
      if (shortage === null) return null;
      const { bavail, bsize } = statfsSync(root);
      [failedAt, freeThen] = [clock.now(), bavail * bsize];
      become(shortage);
      return shortage;
    },
    look,
    onChange(heard) {
      listeners.add(heard);
      return () => void listeners.delete(heard);
    },
    async run(signal) {
      const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      while (!signal.aborted) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        if (problem === null) await Promise.race([changed, ended]);
        else {
          await clock.sleep(AGAIN, signal);
          // What cannot be looked at now may be so later.
          if (!signal.aborted) await look().catch(() => undefined);
        }
      }
    },
  };
}

async function freeAt(root: string): Promise<number> {
  const { bavail, bsize } = await statfs(root);
  return bavail * bsize;
}

async function takesProbe(root: string): Promise<boolean> {
  const file = path.join(root, '.room');
  try {
    await writeFile(file, Buffer.alloc(PROBE, 1), { mode: 0o600 });
    return true;
  } catch (error) {
    if (isDiskFull(error)) return false;
    throw error;
  } finally {
    await rm(file, { force: true });
  }
}
