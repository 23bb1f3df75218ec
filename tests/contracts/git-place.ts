import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Remote } from '../../src/core/ports/remote.ts';
import { parseGitAddress, parseShortGitAddress, type GitAddress } from '../../src/remotes/git/git-address.ts';
import { createGitRepository, openGitRemote, type GitDeps } from '../../src/remotes/git/open.ts';
import type { RemoteUnderTest } from './remote.ts';
import { createTestClock } from './test-clock.ts';

/** An environment in which git knows nothing of whoever runs the tests. */
export function gitEnvironment(home: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home, GIT_CONFIG_NOSYSTEM: '1', ...more };
}

export function git(home: string, ...args: readonly string[]): string {
  return execFileSync('git', args, { env: gitEnvironment(home), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** An empty repository as a git host keeps one. Returns its path. */
export function bareRepository(path: string, home: string): string {
  git(home, 'init', '--quiet', '--bare', path);
  git(home, '-C', path, 'config', 'uploadpack.allowFilter', 'true');
  git(home, '-C', path, 'config', 'receive.autogc', 'false');
  git(home, '-C', path, 'config', 'http.receivepack', 'true');
  return path;
}

export function gitAddress(text: string): GitAddress {
  const scheme = /^(git\+[a-z]+):/.exec(text)?.[1];
  const parsed = scheme === undefined ? parseShortGitAddress(text) : parseGitAddress(text, scheme);
  if (parsed === null || !parsed.ok) throw new Error(`${text}: ${parsed === null ? 'is no address' : parsed.error}`);
  return parsed.value;
}

/** A folder for repositories and homes, with one that was made a remote, to be copied: making one takes ten connections. */
export interface GitPlaces {
  readonly folder: string;
  readonly home: string;
  /** Another repository, empty but for that it is a remote. */
  repository(): Promise<string>;
  /** `machine` opens as another machine each time, with caches of its own. */
  machines(address: string, options?: Partial<GitDeps>): () => Promise<Remote>;
  /** For the contract. `addressOf` says how a repository is reached. */
  underTest(
    addressOf: (path: string) => string,
    options?: Partial<GitDeps>,
    race?: RemoteUnderTest['race'],
  ): () => Promise<RemoteUnderTest>;
  dispose(): Promise<void>;
}

export const gitRandom = { bytes: (length: number): Uint8Array => randomBytes(length) };

export async function createGitPlaces(): Promise<GitPlaces> {
  const folder = await mkdtemp(join(tmpdir(), 'satchel-git-'));
  const home = join(folder, 'home');
  await mkdir(home);
  const deps = (): GitDeps => ({
    clock: createTestClock(),
    random: gitRandom,
    environment: gitEnvironment(home),
    caches: join(folder, 'caches'),
    pollEvery: 50,
  });
  const template = bareRepository(join(folder, 'template.git'), home);
  await createGitRepository(gitAddress(`git+file://${template}`), deps());
  let count = 0;
  const places: GitPlaces = {
    folder,
    home,
    async repository() {
      const path = join(folder, `repository-${(count += 1)}.git`);
      await cp(template, path, { recursive: true });
      return path;
    },
    machines: (address, options) => () =>
      openGitRemote(gitAddress(address), { ...deps(), ...options, caches: join(folder, `caches-${(count += 1)}`) }),
    underTest: (addressOf, options, race) => async () => {
      const path = await places.repository();
      const clock = createTestClock();
      return {
        open: places.machines(addressOf(path), { ...options, clock }),
        clock,
        ...(race && { race }),
        dispose: () => rm(path, { recursive: true }),
      };
    },
    dispose: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
  return places;
}
