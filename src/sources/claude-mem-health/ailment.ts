import { userOf } from './holders.ts';

/** A state of claude-mem that wedges it, or loses what it saves, and what a program can do about it. */
export interface Ailment {
  /** What `satchel claude-mem repair` calls it. */
  readonly id: string;
  readonly result: 'warn' | 'fail';
  readonly severity: 'low' | 'medium' | 'high';
  readonly reason: string;
  /** What was seen: numbers, names of processes and columns. Never a memory. */
  readonly evidence: readonly string[];
  /** What a repair would do, one line each. */
  readonly would: readonly string[];
  /** What helps where no program should do it. */
  readonly advice: string | null;
  /** It may be as somebody wants it: repaired only where it is named, and `advice` says how else it ends. */
  readonly isToBeNamed?: boolean;
  /** `null`: nothing for a program. Looks again first; safe to repeat, and to be killed in. `backups` is a folder that is there. */
  readonly repair: ((backups: string) => Promise<Repaired>) | null;
}

export type Repaired =
  | {
      readonly type: 'done';
      readonly lines: readonly string[];
      /** What stood there before; `null` where nothing was changed. */
      readonly backup: string | null;
      /** Databases whose rows belong to this machine and may be nowhere else. */
      readonly rescued: readonly string[];
      /** Those are of another state than the one that is there: they add rows, and change none. */
      readonly isOther?: boolean;
      /** What others may have changed in the database that is there, beside the process that was rescued: what is news in it is of this machine as well. */
      readonly beside?: readonly string[];
    }
  /** Somebody has to do something first. Nothing was changed. */
  | { readonly type: 'blocked'; readonly reason: string; readonly next: string };

/** What a repair would need that is done only while nobody else works on the database. */
export function needsStopped(file: string): string[] {
  return userOf(file) === null ? [] : ['need claude-mem’s worker stopped before: npx claude-mem stop'];
}

export const STOP_WORKER = 'Stop claude-mem’s worker (npx claude-mem stop), and run this again';

export function blockedBy(pid: number): Repaired {
  return { type: 'blocked', reason: `claude-mem’s worker (process ${pid}) is running`, next: STOP_WORKER };
}
