import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import type { Remote } from '../../core/ports/remote.ts';
import { createCacheFiles, type CacheFiles } from './cache-files.ts';
import { createCachedBranch, type CachedBranch } from './cached-branch.ts';
import { FETCH_ROOM, type FetchRoom } from './fetch-room.ts';
import type { GitAddress } from './git-address.ts';
import { createGitHost, type GitHost } from './git-host.ts';
import { createLook, createPlace, type MadePlace } from './git-place.ts';
import { createGitProgram, NO_HOOKS } from './git-program.ts';
import { createGitRemote } from './git-remote.ts';
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
  /** What fetches may fill. */
  readonly room?: FetchRoom;
  /** What is worth a line in the log. */
  readonly note?: (what: string) => void;
}

const POLL = { network: 15_000, file: 2_000 };

/** Makes a repository a remote, if it is fit for that and not one already. Throws RemoteError; a cache that was made for it then goes. */
export async function createGitRepository(address: GitAddress, deps: GitDeps): Promise<MadePlace> {
  const cache = cacheAt(address, deps);
  const wasThere = existsSync(cache);
  try {
    const { host, files } = await prepare(address, deps, new AbortController().signal);
    return await createPlace({ host, files: files('place') }, deps.random);
  } catch (error) {
    if (!wasThere) await rm(cache, { recursive: true, force: true });
    throw error;
  }
}

function cacheAt({ text }: GitAddress, { caches }: Pick<GitDeps, 'caches'>): string {
  return join(caches, createHash('sha256').update(text).digest('hex').slice(0, 32));
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
  const isKept = async (branch: string): Promise<boolean> => (await files(cacheOf(branch)).readTip()) !== null;
  const look = createLook({ host, files: files('place') }, isKept);
  const branches: CachedBranch[] = [];
  const repository = {
    address: address.text,
    branches: look,
    branch(name: string) {
      const cache = files(cacheOf(name));
      const branch = createCachedBranch({ host, name, files: cache, reader: createObjectReader(program, cache.folder), clock, look, note });
      branches.push(branch);
      return branch;
    },
    async close() {
      closed.abort();
      await Promise.all(branches.map((branch) => branch.close()));
    },
  };
  return createGitRemote(repository, { clock, random, pollEvery, mailEvery: Math.min(pollEvery, POLL.file) });
}

async function prepare(address: GitAddress, { clock, environment, caches, room = FETCH_ROOM }: GitDeps, signal: AbortSignal) {
  const program = createGitProgram({ clock, environment, allowed: allowed(address) });
  await program.version();
  const root = cacheAt(address, { caches });
  await mkdir(root, { recursive: true, mode: 0o700 });
  const host: GitHost = createGitHost({ git: program, address, clock, room, signal });
  // A repository on a path is served by this machine's git, as this user: what its configuration and hooks would have executed is off.
  const packs = address.transport === 'file' ? { upload: quiet('upload-pack'), receive: quiet('receive-pack') } : null;
  const files = (name: string): CacheFiles => createCacheFiles(join(root, name), address.url, packs);
  return { host, program, files };
}

function cacheOf(branch: string): string {
  return branch.replace('/', '-');
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
