import type { GitObject, Oid } from './git-object.ts';

/**
 * One branch of a repository elsewhere, as one machine has it: what it knows of the branch, and the objects that it has
 * here or gets from there. Everything above it is the same over the git program and over the simulation's model.
 * Every method may throw a RemoteError.
 */
export interface GitBranch {
  /** Where the branch stood when it was last asked for or pushed; `null` for a branch that was not there, or was never asked for. */
  readonly tip: Oid | null;

  /** Asks the host: the tip as of now, with its commit and all its directories here. One connection. */
  refresh(): Promise<Oid | null>;

  /**
   * Sees to it that these objects are here, which the branch's tip names. One connection where some are not. Those that the host
   * has no more stay absent.
   */
  ensure(oids: readonly Oid[]): Promise<void>;

  /** What the object holds, `null` where it is not here. Throws `protocol` where it has more than `limit` bytes. */
  read(oid: Oid, limit: number): Promise<Uint8Array | null>;

  /**
   * Compare-and-swap: the branch stands at `commit` from now on, if it stands at `expected` there (`null`: if there is no
   * such branch). `objects` are all that the host may lack. After an error the outcome is unknown. One connection.
   */
  push(commit: Oid, objects: readonly GitObject[], expected: Oid | null): Promise<PushOutcome>;
}

export type PushOutcome =
  | 'pushed'
  /** It stands elsewhere. */
  | 'stale'
  /** The host takes only commits that continue the branch. */
  | 'must-continue';
