import { bytesToHex } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import type { GitBranch } from './git-branch.ts';
import { commitObject, gitObject, parseCommit, type Oid } from './git-object.ts';
import { createGitTrees, readOrFetch, type GitTrees } from './git-tree.ts';

/** A branch as of one commit. */
export interface Snapshot {
  /** `null`: there is no such branch. */
  readonly commit: Oid | null;
  /** Its root directory. */
  readonly root: Oid | null;
  readonly message: string;
}

/** What is to become of a snapshot. */
export type Decision<T> =
  | { readonly type: 'done'; readonly answer: T }
  | {
      readonly type: 'change';
      readonly answer: T;
      /** Files by path, `null` for those that go. */
      readonly files: ReadonlyMap<string, Uint8Array | null>;
      readonly message: string;
      /** The new commit continues nothing, so that the host may collect what only the old ones hold. */
      readonly forgets: boolean;
    };

export interface BranchWriter {
  readonly trees: GitTrees;
  /** The branch as it stands there now. One connection. */
  fresh(): Promise<Snapshot>;
  /** The branch as it was last seen, asked for where it never was. */
  known(): Promise<Snapshot>;
  /**
   * Makes one change by compare-and-swap. `decide` is asked again whenever the branch stood elsewhere, first about what is known of it;
   * what it calls done counts only of a branch that was just asked for. Throws `unreachable` where the outcome is unknown, or others
   * were always faster. Two connections at most where nobody else writes; one where what is known is right.
   */
  change<T>(decide: (snapshot: Snapshot) => Promise<Decision<T>>): Promise<T>;
}

const NONCE = '\n\nnonce ';
const MESSAGE_BYTES = 64 * 1024;
const ATTEMPTS = 24;
/** So often in a row a host may refuse a push though the branch stands where it should. */
const STUCK = 6;
/** Milliseconds. */
const PAUSE = { first: 40, most: 1_000 };

export function createBranchWriter(branch: GitBranch, { clock, random }: { readonly clock: Clock; readonly random: Random }): BranchWriter {
  const trees = createGitTrees(branch);
  let last: Snapshot | null = null;
  let mustContinue = false;
  /** Races in a row that others won: many who push at once would each keep the others from it. */
  let losses = 0;

  async function snapshotAt(commit: Oid | null): Promise<Snapshot> {
    if (last !== null && last.commit === commit) return last;
    last = commit === null ? { commit, root: null, message: '' } : await readCommit(commit);
    return last;
  }

  async function readCommit(oid: Oid): Promise<Snapshot> {
    const { tree, message } = parseCommit(oid, await readOrFetch(branch, oid, MESSAGE_BYTES));
    return { commit: oid, root: tree, message: message.replace(/\n\nnonce [0-9a-f]{32}$/, '') };
  }

  const fresh = async (): Promise<Snapshot> => snapshotAt(await branch.refresh());

  async function commitOf(snapshot: Snapshot, change: Decision<unknown> & { type: 'change' }) {
    const blobs = [...change.files.values()].flatMap((bytes) => (bytes === null ? [] : [gitObject('blob', bytes)]));
    let next = 0;
    const edits = new Map([...change.files].map(([path, bytes]) => [path, bytes === null ? null : (blobs[next++]?.oid ?? null)]));
    const edited = await trees.edit(snapshot.root, edits);
    const parents = snapshot.commit === null || (change.forgets && !mustContinue) ? [] : [snapshot.commit];
    // Two machines that make the same change make two commits, so that one of them learns that it was not first.
    const message = `${change.message}${NONCE}${bytesToHex(random.bytes(16))}`;
    const commit = commitObject({ tree: edited.root, parents, message });
    return { commit, objects: [...blobs, ...edited.trees, commit] };
  }

  /** True once it stands there, false where others were faster. */
  async function send(snapshot: Snapshot, change: Decision<unknown> & { type: 'change' }): Promise<boolean> {
    const { commit, objects } = await commitOf(snapshot, change);
    try {
      const outcome = await branch.push(commit.oid, objects, snapshot.commit);
      if (outcome === 'must-continue' && !mustContinue) {
        mustContinue = true;
        return await send(snapshot, change);
      }
      if (outcome === 'must-continue') throw new RemoteError('refused', 'the git host takes no commits on this branch');
      return outcome === 'pushed';
    } catch (error) {
      if (!(error instanceof RemoteError) || error.type !== 'unreachable') throw error;
      // The outcome is unknown: whoever asks the host again knows it, unless the push is still under way.
      const now = await branch.refresh().catch(() => undefined);
      if (now === commit.oid) return true;
      if (now === undefined || now === snapshot.commit) throw error;
      return false;
    }
  }

  return {
    trees,
    fresh,
    known: async () => (branch.tip === null ? fresh() : snapshotAt(branch.tip)),
    async change(decide) {
      let isFresh = branch.tip === null;
      let stuck = 0;
      let snapshot = await snapshotAt(isFresh ? await branch.refresh() : branch.tip);
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const decision = await decide(snapshot);
        if (decision.type === 'done' && isFresh) return decision.answer;
        if (decision.type === 'change' && (await send(snapshot, decision))) {
          losses = 0;
          return decision.answer;
        }
        if (decision.type === 'change' && (losses += 1) > 1) await clock.sleep(pause(losses, random));
        const before: Snapshot = snapshot;
        snapshot = await fresh();
        // A push that met another one under way: that one shows soon, or left a lock behind.
        stuck = decision.type === 'change' && isFresh && snapshot.commit === before.commit ? stuck + 1 : 0;
        if (stuck === STUCK)
          throw new RemoteError('unreachable', 'the git host refuses to move a branch that nobody moves: did it leave a lock behind?');
        isFresh = true;
      }
      throw new RemoteError('unreachable', 'other machines were always faster to write into the git repository: try again');
    },
  };
}

/** Longer each time, and by chance, so that those who met do not meet again. */
function pause(losses: number, random: Random): number {
  const [high = 0, low = 0] = random.bytes(2);
  return Math.min(PAUSE.most, PAUSE.first * 2 ** losses) * ((high * 256 + low) / 65_536);
}
