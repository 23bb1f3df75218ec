import { spawn, type ChildProcess } from 'node:child_process';
import { devNull } from 'node:os';
import type { Clock } from '../../core/ports/clock.ts';
import { RemoteError } from '../../core/ports/remote.ts';

export interface GitResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

type GitEnvironment = Readonly<Record<string, string>>;

export interface GitRunOptions {
  readonly signal: AbortSignal;
  readonly input?: string;
  /** Besides what all runs have. */
  readonly env?: GitEnvironment;
}

/** The real git, found on PATH. */
export interface GitProgram {
  /** Major and minor. Throws `unfit` where git is missing or older than 2.20. One process, once. */
  version(): Promise<readonly [number, number]>;
  /**
   * Runs it to its end on a cache. Throws `unreachable` where it says nothing for too long, which is when it and its
   * children are killed; and when `signal` aborts. What it says otherwise is the caller's to judge.
   */
  run(cache: string, args: readonly string[], options: GitRunOptions): Promise<GitResult>;
  /** Starts one that answers until it is killed. */
  start(cache: string, args: readonly string[]): ChildProcess;
}

export interface GitProgramDeps {
  readonly clock: Clock;
  /** What git and ssh may see of the environment (config/environment.ts). */
  readonly environment: Readonly<Record<string, string>>;
  /** Transports that git may use. */
  readonly allowed: string;
  /** Milliseconds without a word after which it is killed. */
  readonly quiet?: number;
}

const QUIET = 120_000;
const OUTPUT_LIMIT = 64 * 1024 * 1024;
const ERROR_LIMIT = 256 * 1024;
const OLDEST = [2, 20] as const;
/** By PATH: a program is not asked twice. */
const versions = new Map<string, Promise<readonly [number, number]>>();

/**
 * Runs git without a shell, without a terminal (in a session of its own, so that neither git nor ssh can ask anybody), with
 * a cleaned environment, on a bare cache that is named. What could execute something is off; credentials are the user's
 * own git configuration's and ssh's business.
 */
export function createGitProgram({ clock, environment, allowed, quiet = QUIET }: GitProgramDeps): GitProgram {
  const env = {
    ...environment,
    LC_ALL: 'C',
    LANGUAGE: '',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS_REQUIRE: 'never',
    GCM_INTERACTIVE: 'never',
    GIT_ALLOW_PROTOCOL: allowed,
    GIT_NO_LAZY_FETCH: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_PAGER: 'cat',
  };

  function start(cache: string | null, args: readonly string[], more: GitEnvironment = {}): ChildProcess {
    const where = cache === null ? [] : [`--git-dir=${cache}`];
    return spawn('git', [...where, ...args], {
      cwd: cache ?? '/',
      env: { ...env, ...more },
      detached: true,
      windowsHide: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  async function run(
    cache: string | null,
    args: readonly string[],
    signal: AbortSignal,
    input = '',
    more: GitEnvironment = {},
  ): Promise<GitResult> {
    if (signal.aborted) throw new RemoteError('unreachable', 'the git repository was closed');
    const child = start(cache, args, more);
    let [stdout, stderr] = ['', ''];
    let heard = true;
    let tooMuch = false;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      heard = true;
      stdout += text;
      if (stdout.length > OUTPUT_LIMIT) {
        tooMuch = true;
        kill(child);
      }
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      heard = true;
      stderr = (stderr + text).slice(-ERROR_LIMIT);
    });
    // It may end without reading all: its exit code says more.
    child.stdin?.on('error', () => undefined).end(input);
    const ended = new AbortController();
    const abort = (): void => kill(child);
    signal.addEventListener('abort', abort, { once: true });
    let silent = false;
    const watching = (async () => {
      while (!ended.signal.aborted) {
        heard = false;
        await clock.sleep(quiet, ended.signal);
        if (heard || ended.signal.aborted) continue;
        silent = true;
        kill(child);
        return;
      }
    })();
    try {
      const code = await new Promise<number>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (exit) => resolve(exit ?? -1));
      });
      if (tooMuch) throw new RemoteError('protocol', 'the git host lists more than anybody could use');
      if (silent) throw new RemoteError('unreachable', `git said nothing for ${Math.round(quiet / 1000)} s, and was ended`);
      if (signal.aborted) throw new RemoteError('unreachable', 'the git repository was closed');
      return { code, stdout, stderr };
    } finally {
      ended.abort();
      signal.removeEventListener('abort', abort);
      await watching;
    }
  }

  async function lookUpVersion(): Promise<readonly [number, number]> {
    const found = await run(null, ['version'], new AbortController().signal).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      throw new RemoteError('unfit', 'git is not installed here, or not on PATH: a git repository cannot be a remote without it');
    });
    const [, major, minor] = /git version (\d+)\.(\d+)/.exec(found.stdout) ?? [];
    const parsed = [Number(major ?? 0), Number(minor ?? 0)] as const;
    if (!isAtLeast(parsed, OLDEST)) {
      throw new RemoteError('unfit', `git ${parsed.join('.')} is too old to keep a log: at least ${OLDEST.join('.')} is needed`);
    }
    return parsed;
  }

  return {
    version() {
      const path = environment['PATH'] ?? '';
      const version = versions.get(path) ?? lookUpVersion();
      versions.set(path, version);
      // One that fails is looked up again: git may be installed by then.
      version.catch(() => versions.delete(path));
      return version;
    },
    run: (cache, args, { signal, input, env }) => run(cache, args, signal, input, env),
    start,
  };
}

export function isAtLeast([major, minor]: readonly [number, number], [wantedMajor, wantedMinor]: readonly [number, number]): boolean {
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** With the ssh and the helpers that it started. */
export function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL'); // no group of its own, or gone already
  }
}

/** Where git looks for hooks, and finds none. */
export const NO_HOOKS = devNull;
