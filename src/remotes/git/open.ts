import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isHex32, type SpaceId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError, type Mailboxes, type Remote } from '../../core/ports/remote.ts';
import { checkObjectIds, checkObjects, checkRead, checkSegment, checkSpace } from '../checks.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import { createBranchWriter } from './branch-writer.ts';
import { createCacheFiles, type CacheFiles } from './cache-files.ts';
import { createCachedBranch, type CachedBranch } from './cached-branch.ts';
import type { GitAddress } from './git-address.ts';
import { createGitHost, type GitHost } from './git-host.ts';
import { createGitMailboxes } from './git-mailboxes.ts';
import type { Oid } from './git-object.ts';
import { createLook, createPlace } from './git-place.ts';
import { createGitProgram, NO_HOOKS } from './git-program.ts';
import { createGitSpace, type GitSpace } from './git-space.ts';
import { watchBranches } from './git-watch.ts';
import { createObjectReader } from './object-reader.ts';

export interface GitDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Where bare repositories are kept as caches: a folder of this machine's alone. They may be deleted while nothing runs. */
  readonly caches: string;
  /** What git and ssh may see of the environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds between looks at watched branches; 15,000 unless given, and 2,000 for a path of this machine. */
  readonly pollEvery?: number;
  /** What is worth a line in the log. */
  readonly note?: (what: string) => void;
}

const POLL = { network: 15_000, file: 2_000 };
const SPACE = 'space/';

/** Makes a repository a remote, if it is fit for that and not one already: false where it was. Throws RemoteError. */
export async function createGitRepository(address: GitAddress, deps: GitDeps): Promise<boolean> {
  const { host, files } = await prepare(address, deps, new AbortController().signal);
  return createPlace({ host, files: files('place') }, deps.random);
}

/**
 * A git repository (any host, over ssh, https or a path) as a remote, by the git that is installed here: docs/formats-git.md. There never is a working tree, so
 * that nothing of what is in the repository is ever checked out, filtered or executed. Opening it costs no connection. Throws `unfit` where git is missing or too old.
 */
export async function openGitRemote(address: GitAddress, deps: GitDeps): Promise<Remote> {
  const { clock, random, note = () => undefined } = deps;
  const pollEvery = deps.pollEvery ?? (address.transport === 'file' ? POLL.file : POLL.network);
  const closed = new AbortController();
  const { host, program, files } = await prepare(address, deps, closed.signal);
  const look = createLook({ host, files: files('place') });
  const branches: CachedBranch[] = [];
  const spaces = new Map<SpaceId, GitSpace>();
  const guard = (): void => {
    if (closed.signal.aborted) throw new RemoteError('unreachable', `${address.text} was closed`);
  };

  function branchOf(name: string): CachedBranch {
    const folder = files(name.replace('/', '-'));
    const branch = createCachedBranch({ host, name, files: folder, reader: createObjectReader(program, folder.folder), clock, look, note });
    branches.push(branch);
    return branch;
  }

  function spaceOf(space: SpaceId): GitSpace {
    checkSpace(space);
    guard();
    const kept = spaces.get(space);
    if (kept !== undefined) return kept;
    const branch = branchOf(`${SPACE}${space}`);
    const made = createGitSpace(space, branch, createBranchWriter(branch, { clock, random }));
    spaces.set(space, made);
    return made;
  }

  /** One connection. */
  async function tips(): Promise<Map<SpaceId, Oid>> {
    guard();
    const there = await look();
    return new Map(
      [...there].flatMap(([name, oid]) =>
        name.startsWith(SPACE) && isHex32(name.slice(SPACE.length)) ? [[name.slice(SPACE.length) as SpaceId, oid]] : [],
      ),
    );
  }

  const mail = branchOf('mail');
  const letters = createGitMailboxes(mail, createBranchWriter(mail, { clock, random }), clock);
  return {
    address: address.text,
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
    mailboxes: spaced(letters, clock, Math.min(pollEvery, POLL.file), closed.signal),
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
      await Promise.all(branches.map((branch) => branch.close()));
    },
  };
}

async function prepare(address: GitAddress, { clock, environment, caches }: GitDeps, signal: AbortSignal) {
  const program = createGitProgram({ clock, environment, allowed: allowed(address) });
  await program.version();
  const root = join(caches, createHash('sha256').update(address.text).digest('hex').slice(0, 32));
  await mkdir(root, { recursive: true, mode: 0o700 });
  const host: GitHost = createGitHost(program, address, signal);
  // A repository on a path is served by this machine's git, as this user: what its configuration and hooks would have executed is off.
  const packs = address.transport === 'file' ? { upload: quiet('upload-pack'), receive: quiet('receive-pack') } : null;
  const files = (name: string): CacheFiles => createCacheFiles(join(root, name), address.url, packs);
  return { host, program, files };
}

function allowed({ transport }: GitAddress): string {
  // Some rewrite https to ssh in their own configuration, or the other way round.
  return transport === 'ssh' || transport === 'https' ? 'ssh:https' : transport;
}

function quiet(service: 'upload-pack' | 'receive-pack'): string {
  const off = [
    `core.hooksPath=${NO_HOOKS}`,
    'core.fsmonitor=false',
    'core.alternateRefsCommand=true',
    'receive.autogc=false',
    'gc.auto=0',
    'maintenance.auto=false',
    'receive.denyCurrentBranch=refuse',
  ];
  return `git ${off.map((each) => `-c ${each}`).join(' ')} ${service}`;
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
