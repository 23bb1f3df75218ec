/** What a file-tree source needs to know about names and kinds. Pure data and functions, given by its user. */
export interface TreeRules {
  /** The kind of a name (NFC, relative); `null`: not carried. */
  classify(name: string): { readonly kind: string } | null;
  /** False for a folder in which nothing is carried: it is neither scanned nor watched. */
  enters?(folder: string): boolean;
  /**
   * Whether the local user may have made a link here to something elsewhere, which is then carried as what it leads to
   * (for a link to what is carried itself, it is not). Absent: any to a folder.
   */
  follows?(name: string, type: 'file' | 'folder'): boolean;
  /** The folder is not there for what is carried: that nothing of it is in it is no sign of another folder. */
  readonly mayBeEmpty?: boolean;
  /** Bodies mostly grow at their end: only the new piece is read and sent, and applied in place. */
  appends(kind: string): boolean;
  /** The disappearance of a file is a wish to delete the item. */
  deletable(kind: string): boolean;
  /** When a file should say that it was modified, by the end of its body (milliseconds); `null`: when it is written. */
  modifiedAt?(kind: string, end: Uint8Array, now: number): number | null;
  /** Names that are one thing to their user, by any word: a mass deletion in it is one, however much else there is. */
  groupOf?(name: string): string | null;
  /** A last line without newline is still being written: it is held back. */
  wholeLines(kind: string): boolean;
}

/** Limits of a source. Times in milliseconds, sizes in bytes. */
export interface TreeLimits {
  /** Larger files are reported, not captured. They are held in memory whole. */
  readonly fileBytes: number;
  /** A file written less than this before it was read may have changed since without its times showing it. */
  readonly racyMs: number;
  /** Names that are one thing to their user, by any word: a mass deletion in it is one, however much else there is. */
  groupOf?(name: string): string | null;
  /** A last line without newline that nobody went on with for so long is taken as it is. */
  readonly tornLineMs: number;
  /** More deletions than this, and more than half of what is shown (in all, or of a group), wait for an answer. */
  readonly deletions: number;
  /** More deletions than this wait, however much is shown. */
  readonly manyDeletions: number;
  /** Deletions within this time count together. */
  readonly deletionsWindowMs: number;
  readonly quietMs: number;
  readonly busyMs: number;
  readonly rescanMs: number;
  /** Rescans where changes may go unnoticed: too few watches, or no root. */
  readonly anxiousRescanMs: number;
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** Files written at the same time. */
  readonly writers: number;
}

export const TREE_LIMITS: TreeLimits = {
  fileBytes: 256 * 1024 * 1024,
  racyMs: 2_000,
  tornLineMs: 10 * 60_000,
  deletions: 20,
  manyDeletions: 2_000,
  deletionsWindowMs: 60_000,
  quietMs: 25,
  busyMs: 500,
  rescanMs: 10 * 60_000,
  anxiousRescanMs: 60_000,
  retryMs: 1_000,
  retryMaxMs: 5 * 60_000,
  writers: 512,
};
