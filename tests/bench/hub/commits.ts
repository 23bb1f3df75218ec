import { commitKey, type CommitKey } from '../../../src/core/ids.ts';
import { decodeRecord, headAfter, type Head } from '../../../src/core/log/record.ts';
import { RemoteError } from '../../../src/core/ports/remote.ts';
import { addMember } from '../../../src/core/replica/administer.ts';
import type { ReplicaDeps } from '../../../src/core/replica/deps.ts';
import { createCommitMaker, foundBenchSpace } from './bench-space.ts';
import type { HubPeer } from './hub-peer.ts';

export interface Commits {
  readonly commits: number;
  /** Milliseconds of each, from its first try to its acknowledgement. */
  readonly times: readonly number[];
  /** Tries that lost a race. */
  readonly lost: number;
}

/** Machines with a space of their own each, one commit after the other; made beforehand, so that hardly more than sending is left. */
export async function prepareOwnSpaces(hub: HubPeer, machines: readonly ReplicaDeps[], each: number): Promise<() => Promise<Commits>> {
  const writers = await Promise.all(
    machines.map(async (deps) => {
      const remote = hub.connect(deps.machine.key);
      const maker = await foundBenchSpace(deps, remote, { items: 50 });
      const first = maker.head;
      return { remote, space: maker.replica.space, first, ...(await maker.next(each)) };
    }),
  );
  return async () => {
    const times: number[] = [];
    await Promise.all(
      writers.map(async ({ remote, space, first, records, objects }) => {
        let head: Head = first;
        for (const [index, record] of records.entries()) {
          const began = performance.now();
          const outcome = await persistently(() => remote.append(space, head, { records: [record], objects: [objects[index]!] }));
          if (outcome.type !== 'appended') throw new Error(`nobody else writes here, and yet: ${outcome.type}`);
          times.push(performance.now() - began);
          head = outcome.head;
        }
        await remote.close();
      }),
    );
    return { commits: times.length, times, lost: 0 };
  };
}

/** Machines that write into one space, each its own items, as fast as each can: whoever loses the race reads what came and signs anew. */
export async function prepareOneSpace(hub: HubPeer, machines: readonly ReplicaDeps[], each: number): Promise<() => Promise<Commits>> {
  const [owner, ...others] = machines;
  if (owner === undefined) throw new Error('nobody writes');
  const remote = hub.connect(owner.machine.key);
  const { replica } = await foundBenchSpace(owner, remote, { items: 50 });
  for (const { machine } of others) {
    await addMember(replica, remote, {
      machine: machine.key.machine,
      recipient: machine.recipient,
      name: machine.name,
      role: 'writer',
      account: null,
    });
  }
  const first = await replica.head();
  if (first === null) throw new Error('the space has no log');
  const makers = await Promise.all(
    machines.map((deps, index) => createCommitMaker(replica, { items: 50, prefix: `writer-${index}`, signing: deps.machine.key })),
  );
  await remote.close();
  const { space } = replica;
  return async () => {
    const times: number[] = [];
    let lost = 0;
    await Promise.all(
      makers.map(async (maker, index) => {
        const deps = machines[index]!;
        const own = hub.connect(deps.machine.key);
        let head = first;
        for (let done = 0; done < each; done += 1) {
          const commit = await maker.prepare();
          const key = commitKey(deps.machine.key.machine, commit.id);
          const began = performance.now();
          for (let isThere = false; !isThere;) {
            const tried = await persistently(() =>
              own.append(space, head, { records: [maker.sign(commit, head)], objects: [commit.object] }),
            );
            if (tried.type === 'missing-objects') throw new Error('what was sent along is missing');
            if (tried.type === 'appended') {
              head = tried.head;
              break;
            }
            lost += 1;
            const followed = follow(tried.missing, head);
            head = followed.head;
            isThere = followed.seen.has(key); // of a try whose answer was lost
          }
          times.push(performance.now() - began);
        }
        await own.close();
      }),
    );
    return { commits: times.length, times, lost };
  };
}

function follow(records: readonly Uint8Array[], from: Head): { readonly head: Head; readonly seen: ReadonlySet<CommitKey> } {
  let head = from;
  const seen = new Set<CommitKey>();
  for (const bytes of records) {
    const record = decodeRecord(bytes);
    if (!record.ok) throw new Error(record.error);
    head = headAfter(record.value);
    seen.add(commitKey(record.value.header.signer, record.value.header.id));
  }
  return { head, seen };
}

/** Until the hub takes it: one that is asked for too much says when to come again. */
export async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RemoteError) || error.type !== 'unreachable') throw error;
      turnedAway.push(error.message);
      await new Promise((resolve) => setTimeout(resolve, error.retryAfter ?? 100));
    }
  }
}

/** Why requests had to be sent again. */
export const turnedAway: string[] = [];
