import { RemoteError } from '../../src/core/ports/remote.ts';
import type { GitBranch } from '../../src/remotes/git/git-branch.ts';
import { parseCommit, parseTree, DIRECTORY_MODE, type GitObject, type Oid } from '../../src/remotes/git/git-object.ts';
import type { GitRepository } from '../../src/remotes/git/git-remote.ts';

export interface GitModelOptions {
  /** Whether a branch may be replaced by a commit that does not continue it. */
  readonly takesReplaced: boolean;
  /** Whether what no branch reaches any more is gone at once: hosts wait for weeks. */
  readonly collects: () => boolean;
}

/** What goes wrong with one request: it never arrives, or its answer does not. */
export type GitFault = 'request' | 'answer' | null;

/**
 * A git repository somewhere, in memory: branches that move by compare-and-swap, objects by their names. What git does
 * about them, packs and protocols, is git's; this is what `remotes/git` builds on.
 */
export interface GitModel {
  /** A connection with a cache of its own. */
  connect(fault: () => GitFault): GitRepository;
  /** Paths of all files that anything in it reaches, history included. */
  paths(branch: string): Set<string>;
  /** It loses its branches of spaces and all objects, as when a backup is played in. */
  clear(): void;
}

export function createGitModel(address: string, { takesReplaced, collects }: GitModelOptions): GitModel {
  const branches = new Map<string, Oid>();
  const objects = new Map<Oid, GitObject>();

  /** A commit's objects: those it continues too, where `deep`. */
  function* reached(commit: Oid, deep: boolean): Generator<{ readonly object: GitObject; readonly path: string }> {
    const seen = new Set<Oid>();
    const queue: { oid: Oid; path: string }[] = [{ oid: commit, path: '' }];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const object = objects.get(next.oid);
      if (object === undefined || seen.has(next.oid)) continue;
      seen.add(next.oid);
      yield { object, path: next.path };
      if (object.type === 'commit') {
        const { tree, parents } = parseCommit(object.oid, object.bytes);
        queue.push({ oid: tree, path: '' }, ...(deep ? parents.map((oid) => ({ oid, path: '' })) : []));
      }
      if (object.type === 'tree')
        for (const [name, { oid }] of parseTree(object.oid, object.bytes))
          queue.push({ oid, path: next.path === '' ? name : `${next.path}/${name}` });
    }
  }

  function collect(): void {
    const live = new Set<Oid>();
    for (const commit of branches.values()) for (const { object } of reached(commit, true)) live.add(object.oid);
    for (const oid of objects.keys()) if (!live.has(oid)) objects.delete(oid);
  }

  function connect(fault: () => GitFault): GitRepository {
    const cache = new Map<Oid, GitObject>();

    async function request<T>(work: () => T): Promise<T> {
      const wrong = fault();
      if (wrong === 'request') throw new RemoteError('unreachable', 'the request was lost');
      const answer = work();
      if (wrong === 'answer') throw new RemoteError('unreachable', 'the answer was lost');
      return answer;
    }

    function branch(name: string): GitBranch {
      let tip: Oid | null = null;

      /** A commit and its directories: those that the cache has were brought with all that is below them. */
      function bring(oid: Oid): void {
        const object = objects.get(oid);
        if (object === undefined || cache.has(oid)) return;
        cache.set(oid, object);
        if (object.type === 'commit') bring(parseCommit(oid, object.bytes).tree);
        if (object.type === 'tree')
          for (const entry of parseTree(oid, object.bytes).values()) if (entry.mode === DIRECTORY_MODE) bring(entry.oid);
      }

      return {
        get tip() {
          return tip;
        },
        refresh: () =>
          request(() => {
            tip = branches.get(name) ?? null;
            if (tip !== null) bring(tip);
            return tip;
          }),
        async ensure(oids) {
          const missing = oids.filter((oid) => !cache.has(oid));
          if (missing.length === 0) return;
          await request(() => {
            for (const object of missing.flatMap((oid) => objects.get(oid) ?? [])) cache.set(object.oid, object);
          });
        },
        async read(oid, limit) {
          const bytes = cache.get(oid)?.bytes ?? null;
          if (bytes !== null && bytes.length > limit) throw new RemoteError('protocol', 'it is too large');
          return bytes;
        },
        push: (commit, sent, expected) =>
          request(() => {
            if ((branches.get(name) ?? null) !== expected) return 'stale';
            const all = new Map(sent.map((object) => [object.oid, object]));
            const { parents } = parseCommit(commit, (all.get(commit) as GitObject).bytes);
            const replaces = expected !== null && !parents.includes(expected);
            if (replaces && !takesReplaced) return 'must-continue';
            for (const object of sent) {
              objects.set(object.oid, object);
              if (object.type !== 'blob') cache.set(object.oid, object);
            }
            branches.set(name, commit);
            tip = commit;
            if (replaces && collects()) collect();
            return 'pushed';
          }),
      };
    }

    return { address, branches: () => request(() => new Map(branches)), branch, close: async () => undefined };
  }

  return {
    connect,
    paths(name) {
      const commit = branches.get(name);
      return new Set(commit === undefined ? [] : [...reached(commit, takesReplaced)].map(({ path }) => path));
    },
    clear() {
      branches.clear();
      objects.clear();
    },
  };
}
