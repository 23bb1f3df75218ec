import { isHex32, type SpaceId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError, type Mailboxes, type Remote } from '../../core/ports/remote.ts';
import { checkObjectIds, checkObjects, checkRead, checkSegment, checkSpace } from '../checks.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import { createBranchWriter } from './branch-writer.ts';
import type { GitBranch } from './git-branch.ts';
import { createGitMailboxes } from './git-mailboxes.ts';
import type { Oid } from './git-object.ts';
import { createGitSpace, LONGEST, type GitSpace, type Longest } from './git-space.ts';
import { watchBranches } from './git-watch.ts';

/** A repository as one process has it: the real git's, or the simulation's. Throws RemoteError. */
export interface GitRepository {
  /** As shown to people. */
  readonly address: string;
  /** Where all branches stand, by their names below `satchel/`. One connection. */
  branches(): Promise<ReadonlyMap<string, Oid>>;
  branch(name: string): GitBranch;
  close(): Promise<void>;
}

export interface GitRemoteDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds between looks at watched branches. */
  readonly pollEvery: number;
  /** Milliseconds between looks at letters. */
  readonly mailEvery: number;
  /** When a branch begins anew; {@link LONGEST} unless given. */
  readonly longest?: Longest;
}

const SPACE = 'space/';

/** Logs in a repository: a branch a space, and one for letters. */
export function createGitRemote(
  repository: GitRepository,
  { clock, random, pollEvery, mailEvery, longest = LONGEST }: GitRemoteDeps,
): Remote {
  const closed = new AbortController();
  const spaces = new Map<SpaceId, GitSpace>();
  const guard = (): void => {
    if (closed.signal.aborted) throw new RemoteError('unreachable', `${repository.address} was closed`);
  };

  function spaceOf(space: SpaceId): GitSpace {
    checkSpace(space);
    guard();
    const kept = spaces.get(space);
    if (kept !== undefined) return kept;
    const branch = repository.branch(`${SPACE}${space}`);
    const made = createGitSpace(space, branch, createBranchWriter(branch, { clock, random }), longest);
    spaces.set(space, made);
    return made;
  }

  async function tips(): Promise<Map<SpaceId, Oid>> {
    guard();
    const found = new Map<SpaceId, Oid>();
    for (const [name, oid] of await repository.branches()) {
      const space = name.slice(SPACE.length);
      if (name.startsWith(SPACE) && isHex32(space)) found.set(space as SpaceId, oid);
    }
    return found;
  }

  const mail = repository.branch('mail');
  const letters = createGitMailboxes(mail, createBranchWriter(mail, { clock, random }), clock);
  return {
    address: repository.address,
    async spaces() {
      const found: SpaceId[] = [];
      for (const space of (await tips()).keys()) if ((await spaceOf(space).head()) !== null) found.push(space);
      return found;
    },
    head: async (space) => spaceOf(space).head(),
    read: async (space, from, limit) => spaceOf(space).read(from, checkRead(from, limit)),
    append: async (space, expected, segment) => {
      const records = checkSegment(space, expected, segment);
      return spaceOf(space).append(expected, records, segment);
    },
    async hasObjects(space, ids) {
      checkObjectIds(ids);
      return spaceOf(space).has(ids);
    },
    async putObjects(space, batch) {
      checkObjects(batch, REMOTE_LIMITS.objectBatchBytes);
      await spaceOf(space).put(batch);
    },
    async getObjects(space, ids) {
      checkObjectIds(ids, REMOTE_LIMITS.objectIdsPerGet);
      return spaceOf(space).get(ids);
    },
    async deleteObjects(space, ids) {
      checkObjectIds(ids, REMOTE_LIMITS.objectIdsPerDelete);
      await spaceOf(space).delete(ids);
    },
    readCheckpoint: async (space) => spaceOf(space).readCheckpoint(),
    writeCheckpoint: async (space, position, bytes) => spaceOf(space).writeCheckpoint(position, bytes),
    mailboxes: spaced(letters, clock, mailEvery, closed.signal),
    async watch(watched, onHead, signal) {
      watched.forEach(checkSpace);
      await watchBranches(watched, onHead, signal, {
        clock,
        pollEvery,
        tips,
        headOf: (space) => spaceOf(space).head(),
        closed: closed.signal,
      });
    },
    async close() {
      closed.abort();
      await repository.close();
    },
  };
}

/** Whoever waits for a letter asks several times a second; a git host is asked less often. */
function spaced(mailboxes: Mailboxes, clock: Clock, every: number, closed: AbortSignal): Mailboxes {
  let next: Promise<void> = Promise.resolve();
  async function look<T>(work: () => Promise<T>): Promise<T> {
    await next;
    const answer = await work();
    next = clock.sleep(every, closed);
    return answer;
  }
  return {
    ...mailboxes,
    read: (mailbox, slot) => look(() => mailboxes.read(mailbox, slot)),
    slots: (mailbox) => look(() => mailboxes.slots(mailbox)),
  };
}
