import type { Item } from '../../core/item.ts';

/** The named states of a source. */
export type SourceState =
  | { readonly type: 'ok' }
  /** The folder is gone, cannot be read, or is suddenly empty: nothing counts as deleted, nothing is applied. */
  | { readonly type: 'root-missing'; readonly message: string; readonly names: readonly string[] }
  /** So many files vanished that it waits for an answer (`answerDeletions`). Everything else goes on. */
  | { readonly type: 'mass-deletion'; readonly message: string; readonly names: readonly string[] }
  /**
   * Another database, or an older state of itself, is in its place: what it says otherwise (`older`), what it lacks (`gone`) and what was deleted since
   * and is back (`returned`) waits for an answer, and is not written over either. Everything else goes on.
   */
  | {
      readonly type: 'older-state';
      readonly message: string;
      /** All of them. */
      readonly names: readonly string[];
      readonly older: readonly string[];
      readonly gone: readonly string[];
      readonly returned: readonly string[];
    }
  /** The disk is full: applying waits. */
  | { readonly type: 'disk-full'; readonly message: string };

export interface NamedReason {
  readonly name: string;
  readonly reason: string;
  /** Its body is neither here nor, in good order, at the remote: only a machine that has it helps. */
  readonly lacksBody?: boolean;
}

/** What exists and is not carried although its name would be. */
export interface Skipped extends NamedReason {
  /** Nothing is wrong with what stands there: it stays local by its place, or waits for an answer. */
  readonly stays: boolean;
}

export interface ScanReport {
  readonly state: SourceState;
  readonly commits: number;
  readonly changes: number;
  readonly bytes: number;
  readonly conflicts: readonly Item[];
  /** Everything that exists and is not carried although its name would be, with the reason. */
  readonly skipped: readonly NamedReason[];
  /** Files whose last line is being written. */
  readonly torn: readonly string[];
  /** Files that changed while they were read: look again soon. */
  readonly changing: readonly string[];
}

export interface ApplyReport {
  readonly state: SourceState;
  readonly written: number;
  readonly removed: number;
  /** What the disk cannot hold. */
  readonly notHere: readonly NamedReason[];
  /** What could not be put in place now. It is tried again. */
  readonly waiting: readonly NamedReason[];
  /** Milliseconds until the next try is worth it; `null`: nothing waits. */
  readonly retryInMs: number | null;
}
