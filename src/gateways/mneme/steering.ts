/**
 * What is known of one client's sessions in one project. Clients say when they begin (they ask for the lock) and when they end
 * (they give it back), and never which session it is.
 */
export interface Sessions {
  /** When those began that have not ended, as far as anybody knows: oldest first, milliseconds. */
  readonly begun: readonly number[];
  /** The last one that ended had pushed all that the client was known to have, and all of it was kept. */
  readonly endedWell: boolean;
}

export const NO_SESSIONS: Sessions = { begun: [], endedWell: false };

/**
 * A session that did not end within this time never will: its terminal was closed, or it was the same one, which asked again
 * when it was compacted. Milliseconds.
 */
const OVER_AFTER = 12 * 60 * 60_000;
const MOST_BEGUN = 32;

/** What the running session did so far. Not kept: after a restart nobody is steered before the next session. */
export interface Progress {
  /** `begun`: has the lock, and asks next what there is to pull. */
  readonly phase: 'idle' | 'begun' | 'works' | 'pushes';
  /** May be made to take what it has not: it had nothing that was not pushed when it began. */
  readonly mayTake: boolean;
  /** Files that were pushed since it asked what there is. */
  readonly pushed: readonly string[];
  /** Something that it pushed was not kept. */
  readonly isLost: boolean;
  /** How many sessions began, this one included, as far as this process saw. */
  readonly began: number;
}

export const IDLE: Progress = { phase: 'idle', mayTake: false, pushed: [], isLost: false, began: 0 };

/** What a list of files is to make its reader do: download what is new to it, upload all it has, or whatever it likes. */
export type Steer = 'take' | 'keep' | 'push' | 'none';

export interface Step {
  readonly sessions: Sessions;
  readonly progress: Progress;
}

/** The client asked for the lock: a session begins. Who does not get it pulls nothing, and works with what it has. */
export function begin({ sessions, progress: { began } }: Step, now: number, hasLock: boolean): Step {
  const begun = sessions.begun.filter((at) => Math.abs(now - at) < OVER_AFTER);
  const mayTake = sessions.endedWell && begun.length === 0;
  return {
    sessions: { begun: [...begun, now].slice(-MOST_BEGUN), endedWell: false },
    progress: { ...IDLE, phase: hasLock ? 'begun' : 'works', mayTake, began: began + 1 },
  };
}

/**
 * The client asked what files there are: first what to pull, later what to push. A push is of everything, since clocks do
 * not say what is new. Who asks again in the midst of its own push looks for itself; anybody else may be another session.
 */
export function list({ sessions, progress }: Step, hasPushed: boolean): Step & { readonly steer: Steer } {
  if (progress.phase === 'begun') return { sessions, progress: { ...progress, phase: 'works' }, steer: progress.mayTake ? 'take' : 'keep' };
  const isUnderWay = progress.phase === 'pushes' && (progress.pushed.length > 0 || progress.isLost);
  if (isUnderWay) return { sessions, progress, steer: hasPushed ? 'none' : 'push' };
  return { sessions, progress: { ...IDLE, phase: 'pushes', began: progress.began }, steer: 'push' };
}

/** The client sent a file. Kept is what was taken, and what was refused for want of the lock alone. */
export function push({ sessions, progress }: Step, file: string, isKept: boolean): Step {
  // One that was not asked for everything may hold back what is new.
  if (progress.phase !== 'pushes') return { sessions, progress: { ...progress, phase: 'works' } };
  return {
    sessions,
    progress: { ...progress, pushed: [...new Set([...progress.pushed, file])], isLost: progress.isLost || !isKept },
  };
}

/** The client gave the lock back: a session ends. `has`: the files that it is known to have. */
export function end({ sessions, progress }: Step, has: readonly string[]): Step {
  const isWell = progress.phase === 'pushes' && !progress.isLost && has.every((file) => progress.pushed.includes(file));
  return { sessions: { begun: sessions.begun.slice(1), endedWell: isWell }, progress: { ...IDLE, began: progress.began } };
}
