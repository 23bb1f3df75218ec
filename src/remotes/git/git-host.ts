import { RemoteError } from '../../core/ports/remote.ts';
import type { GitAddress } from './git-address.ts';
import { gitError } from './git-errors.ts';
import { isOid, type Oid } from './git-object.ts';
import { isAtLeast, type GitProgram, type GitResult } from './git-program.ts';
import type { PushOutcome } from './git-branch.ts';

/** All branches of ours are below this. */
export const PREFIX = 'refs/heads/satchel/';

/** One repository elsewhere: every method is one git process here (with what it starts), and one connection. */
export interface GitHost {
  readonly address: GitAddress;
  /** Branches of ours by their names without the prefix. Throws RemoteError. */
  branches(cache: string): Promise<Map<string, Oid>>;
  /** `absent` where there is no such branch; `failed` with what git said where it is not clear whose fault that is. */
  fetch(cache: string, branch: string, how: FetchHow): Promise<FetchOutcome>;
  /** Objects by their names, where the host gives them that way. */
  fetchObjects(cache: string, oids: readonly Oid[]): Promise<FetchOutcome>;
  push(cache: string, branch: string, commit: Oid, expected: Oid | null): Promise<PushResult>;
  remove(cache: string, branch: string, expected: Oid): Promise<PushResult>;
}

export type FetchHow =
  /** The newest commit alone, without its larger files where the host knows how to leave them out. */
  | 'newest'
  /** The newest commit with all that its tree holds. */
  | 'newest-whole'
  /** What came since the tip. */
  | 'since'
  /** As before, by a cache that lacks files of the tip. */
  | 'since-in-part';

export type FetchOutcome =
  | { readonly type: 'fetched' | 'absent' }
  | { readonly type: 'failed'; readonly error: RemoteError; readonly said: string };
export type PushResult = { readonly type: PushOutcome } | { readonly type: 'failed'; readonly error: RemoteError; readonly said: string };

/** Files up to this come with the commit that has them, bytes. */
const INLINE = '64k';
const PART = ['-c', 'remote.satchel.promisor=true', '-c', `remote.satchel.partialCloneFilter=blob:limit=${INLINE}`];

export function createGitHost(git: GitProgram, address: GitAddress, signal: AbortSignal): GitHost {
  const run = async (cache: string, args: readonly string[], input?: string): Promise<GitResult> => {
    await git.version();
    return git.run(cache, args, { signal, ...(input === undefined ? {} : { input }) });
  };

  const failed = ({ stderr }: GitResult): { type: 'failed'; error: RemoteError; said: string } => ({
    type: 'failed',
    error: gitError(address.text, stderr),
    said: stderr,
  });

  async function push(cache: string, refspec: string, ref: string, expected: Oid | null): Promise<PushResult> {
    const args = [
      'push',
      '--porcelain',
      '--progress',
      '--no-verify',
      '--no-follow-tags',
      '--no-recurse-submodules',
      `--force-with-lease=${ref}:${expected ?? ''}`,
    ];
    const result = await run(cache, [...args, 'satchel', refspec]);
    if (result.code === 0) return { type: 'pushed' };
    const line = result.stdout.split('\n').find((each) => each.startsWith('!\t')) ?? '';
    if (/\[rejected\]/.test(line)) return { type: 'stale' };
    if (/non-fast-forward|denying non-fast|force.?push|cannot force/i.test(line + result.stderr)) return { type: 'must-continue' };
    // Somebody was faster between the look and the write, or writes this very moment.
    if (
      /failed to (update|lock)|cannot lock|fetch first|reference already exists|incorrect old value|is at [0-9a-f]+ but expected|stale info|unable to resolve reference/i.test(
        line + result.stderr,
      )
    )
      return { type: 'stale' };
    return line === '' ? failed(result) : { ...failed({ ...result, stderr: `${line.replace(/^!\t\S+\t/, 'error: ')}\n${result.stderr}` }) };
  }

  return {
    address,
    async branches(cache) {
      const result = await run(cache, ['ls-remote', 'satchel', `${PREFIX}*`]);
      if (result.code !== 0) throw gitError(address.text, result.stderr);
      const found = new Map<string, Oid>();
      for (const each of result.stdout.split('\n')) {
        const [oid, ref = ''] = each.split('\t');
        if (isOid(oid) && ref.startsWith(PREFIX)) found.set(ref.slice(PREFIX.length), oid);
      }
      return found;
    },
    async fetch(cache, branch, how) {
      const hasPart = isAtLeast(await git.version(), [2, 29]);
      const part = hasPart && (how === 'newest' || how === 'since-in-part');
      const args = ['fetch', '--no-tags', '--progress', '--no-recurse-submodules', '--no-auto-gc'];
      if (part) args.push(`--filter=blob:limit=${INLINE}`);
      if (how === 'newest' || how === 'newest-whole') args.push('--depth=1');
      const result = await run(cache, [...(part ? PART : []), ...args, 'satchel', `${PREFIX}${branch}`]);
      if (result.code === 0) return { type: 'fetched' };
      if (/couldn't find remote ref/.test(result.stderr)) return { type: 'absent' };
      return failed(result);
    },
    async fetchObjects(cache, oids) {
      if (!isAtLeast(await git.version(), [2, 29])) return { type: 'absent' };
      const args = [
        '-c',
        'fetch.negotiationAlgorithm=noop',
        ...PART,
        'fetch',
        '--no-tags',
        '--progress',
        '--no-recurse-submodules',
        '--no-auto-gc',
      ];
      const result = await run(
        cache,
        [...args, '--no-write-fetch-head', '--filter=blob:none', '--stdin', 'satchel'],
        `${oids.join('\n')}\n`,
      );
      return result.code === 0 ? { type: 'fetched' } : failed(result);
    },
    push: (cache, branch, commit, expected) => push(cache, `${commit}:${PREFIX}${branch}`, `${PREFIX}${branch}`, expected),
    remove: (cache, branch, expected) => push(cache, `:${PREFIX}${branch}`, `${PREFIX}${branch}`, expected),
  };
}
