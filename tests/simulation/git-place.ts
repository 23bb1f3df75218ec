import type { Remote } from '../../src/core/ports/remote.ts';
import { createGitRemote } from '../../src/remotes/git/git-remote.ts';
import { objectPath } from '../../src/remotes/git/git-space.ts';
import { createGitModel } from '../doubles/git-model.ts';
import type { PlaceDeps, SimPlace } from './places.ts';

/** So that a branch begins anew within a schedule. */
const LONGEST = { commits: 9, waste: 4_096 };

/** What asks a bucket several times asks git once or twice. */
const FEWER = 3;

/**
 * A git repository without a server of ours: each process has a cache of its own, and knows the branch as it saw it last; its
 * pushes are lost, or land without an answer. Branches begin anew after some commits, where the host lets them, and what they
 * then do not reach any more is gone, sooner or later.
 */
export async function openGitPlace({ address, random, now, archive }: PlaceDeps): Promise<SimPlace> {
  const clock = { now, sleep: async () => undefined };
  const model = createGitModel(address, { takesReplaced: random.chance(0.7), collects: () => random.chance(0.5) });
  const connect = (loss: () => number): Remote => {
    const repository = model.connect(() => (random.chance(FEWER * loss()) ? (random.chance(0.5) ? 'request' : 'answer') : null));
    const remote = createGitRemote(repository, { clock, random, pollEvery: 0, mailEvery: 0, longest: LONGEST });
    return {
      ...remote,
      async putObjects(space, objects) {
        await archive.put(space, objects);
        await remote.putObjects(space, objects);
      },
      async append(space, expected, segment) {
        await archive.put(space, segment.objects);
        return remote.append(space, expected, segment);
      },
    };
  };
  return {
    address,
    isServed: false,
    get remote() {
      return connect(() => 0);
    },
    connect,
    async holds(space, ids) {
      const paths = model.paths(`space/${space}`);
      return ids.filter((id) => paths.has(objectPath(id)));
    },
    async clear() {
      model.clear();
    },
  };
}
