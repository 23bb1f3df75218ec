import { join } from 'node:path';
import type { Clock } from '../../core/ports/clock.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { withinRoom, type FetchRoom, type OverRoom } from './fetch-room.ts';
import type { GitAddress } from './git-address.ts';
import { gitError, NO_GIT_HOST } from './git-errors.ts';
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
  /** Names of branches that are not ours. Throws RemoteError. */
  otherBranches(cache: string): Promise<string[]>;
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
  /** Ended in the midst: what it brought lies in the cache, half-written files among it. */
  | { readonly type: 'too-large'; readonly error: RemoteError }
  | { readonly type: 'failed'; readonly error: RemoteError; readonly said: string };
export type PushResult = { readonly type: PushOutcome } | { readonly type: 'failed'; readonly error: RemoteError; readonly said: string };

/** Files up to this come with the commit that has them, bytes. */
const INLINE = '64k';
const PART = ['-c', 'remote.satchel.promisor=true', '-c', `remote.satchel.partialCloneFilter=blob:limit=${INLINE}`];

export interface GitHostDeps {
  readonly git: GitProgram;
  readonly address: GitAddress;
  readonly clock: Clock;
  /** What fetches may fill. */
  readonly room: FetchRoom;
  /** Aborts when the repository is closed. */
  readonly signal: AbortSignal;
}

export function createGitHost({ git, address, clock, room, signal }: GitHostDeps): GitHost {
  const run = async (cache: string, args: readonly string[], input?: string, until = signal): Promise<GitResult> => {
    await git.version();
    return git.run(cache, args, { signal: until, ...(input === undefined ? {} : { input }) });
  };

  async function runFetch(cache: string, args: readonly string[], input?: string): Promise<FetchOutcome> {
    const ran = await withinRoom(join(cache, 'objects'), { clock, room }, (end) => run(cache, args, input, AbortSignal.any([signal, end])));
    if (ran.over !== null) return { type: 'too-large', error: tooLarge(ran.over) };
    return ran.value.code === 0 ? { type: 'fetched' } : failed(ran.value);
  }

  const tooLarge = ({ bytes, bound }: NonNullable<OverRoom>): RemoteError => {
    const [sent, taken] = [bytes, bound].map((each) => `${Math.ceil(each / 1024 ** 2)} MiB`);
    const why = `${sent} came by then, and half of the room that is free, ${room.most / 1024 ** 3} GiB at most, is taken from a git repository, here ${taken}`;
    return new RemoteError(
      'refused',
      `${address.text}: the repository sends too much for this disk, and was not listened to further (${why})`,
    );
  };

  const failed = ({ stderr }: GitResult): { type: 'failed'; error: RemoteError; said: string } => ({
    type: 'failed',
    error: gitError(address.text, stderr),
    said: stderr,
  });

  /** Throws `unreachable` where what answers does not speak git's protocol: any page at all passes for a repository of git's oldest kind, without a branch. */
  async function refusePage(cache: string): Promise<void> {
    await git.version();
    const { stderr } = await git.run(cache, ['ls-remote', 'satchel', `${PREFIX}*`], { signal, env: { GIT_TRACE_PACKET: '1' } });
    if (!/ packet: +\S+< /.test(stderr)) throw new RemoteError('unreachable', `${address.text}: ${NO_GIT_HOST}`);
  }

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
      if (found.size === 0 && /^https?$/.test(address.transport)) await refusePage(cache);
      return found;
    },
    async otherBranches(cache) {
      const result = await run(cache, ['ls-remote', '--heads', 'satchel']);
      if (result.code !== 0) throw gitError(address.text, result.stderr);
      const refs = result.stdout.split('\n').flatMap((line) => line.split('\t')[1] ?? []);
      return refs.flatMap((ref) => (ref.startsWith(PREFIX) ? [] : [ref.replace(/^refs\/heads\//, '')]));
    },
    async fetch(cache, branch, how) {
      const hasPart = isAtLeast(await git.version(), [2, 29]);
      const part = hasPart && (how === 'newest' || how === 'since-in-part');
      const args = ['fetch', '--no-tags', '--progress', '--no-recurse-submodules', '--no-auto-gc'];
      if (part) args.push(`--filter=blob:limit=${INLINE}`);
      if (how === 'newest' || how === 'newest-whole') args.push('--depth=1');
      const outcome = await runFetch(cache, [...(part ? PART : []), ...args, 'satchel', `${PREFIX}${branch}`]);
      return outcome.type === 'failed' && /couldn't find remote ref/.test(outcome.said) ? { type: 'absent' } : outcome;
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
      return runFetch(cache, [...args, '--no-write-fetch-head', '--filter=blob:none', '--stdin', 'satchel'], `${oids.join('\n')}\n`);
    },
    push: (cache, branch, commit, expected) => push(cache, `${commit}:${PREFIX}${branch}`, `${PREFIX}${branch}`, expected),
    remove: (cache, branch, expected) => push(cache, `:${PREFIX}${branch}`, `${PREFIX}${branch}`, expected),
  };
}
