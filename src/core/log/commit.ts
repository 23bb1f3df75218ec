import type { Change } from '../change.ts';
import type { CommitId } from '../ids.ts';

/** Who made a change on which machine, for people: shown, never ordering anything. */
export interface CommitNote {
  /** Milliseconds since 1970 by the author's clock. */
  readonly time: number;
  readonly message: string;
  /** Which source, gateway or command wrote it, e.g. `claude-home`, `restore`. */
  readonly writer: string;
  /** The agent session it came from, where one is known. */
  readonly session?: string;
}

/** An atomic batch of changes. A draft until it is accepted by the space's home remote. */
export interface Commit extends CommitNote {
  readonly id: CommitId;
  readonly changes: readonly Change[];
  /**
   * Commits of absent authors that a move of the home remote left behind, landed inside this one: their ids count as
   * used. Each is the original record as sent.
   */
  readonly carried: readonly Uint8Array[];
}
