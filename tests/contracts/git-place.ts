import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Remote } from '../../src/core/ports/remote.ts';
import { parseGitAddress, parseShortGitAddress, type GitAddress } from '../../src/remotes/git/git-address.ts';
import { createGitRepository, openGitRemote, type GitDeps } from '../../src/remotes/git/open.ts';

/** An environment in which git knows nothing of whoever runs the tests. */
export function gitEnvironment(home: string): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home, GIT_CONFIG_NOSYSTEM: '1' };
}

export function git(home: string, ...args: readonly string[]): string {
  return execFileSync('git', args, { env: gitEnvironment(home), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** An empty repository as a git host keeps one. Returns its path. */
export function bareRepository(path: string, home: string): string {
  git(home, 'init', '--quiet', '--bare', path);
  git(home, '-C', path, 'config', 'uploadpack.allowFilter', 'true');
  git(home, '-C', path, 'config', 'receive.autogc', 'false');
  return path;
}

export function gitAddress(text: string): GitAddress {
  const scheme = /^(git\+[a-z]+):/.exec(text)?.[1];
  const parsed = scheme === undefined ? parseShortGitAddress(text) : parseGitAddress(text, scheme);
  if (parsed === null || !parsed.ok) throw new Error(`${text}: ${parsed === null ? 'is no address' : parsed.error}`);
  return parsed.value;
}

/** Another machine each time, with a cache of its own below `folder`. */
export function machinesAt(text: string, folder: string, deps: Omit<GitDeps, 'caches'>): () => Promise<Remote> {
  const address = gitAddress(text);
  let machines = 0;
  return () => openGitRemote(address, { ...deps, caches: join(folder, `caches-${(machines += 1)}`) });
}

/** A repository that was made a remote, to be copied: making one takes ten connections. */
export async function remoteRepository(folder: string, deps: Omit<GitDeps, 'caches'>): Promise<string> {
  const home = join(folder, 'home');
  await mkdir(home, { recursive: true });
  const path = bareRepository(join(folder, 'template.git'), home);
  await createGitRepository(gitAddress(`git+file://${path}`), { ...deps, caches: join(folder, 'caches-maker') });
  return path;
}
