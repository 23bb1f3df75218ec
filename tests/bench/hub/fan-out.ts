import { setMaxListeners } from 'node:events';
import type { SigningKey } from '../../../src/core/crypto/signing.ts';
import type { Remote } from '../../../src/core/ports/remote.ts';
import { addMember } from '../../../src/core/replica/administer.ts';
import type { ReplicaDeps } from '../../../src/core/replica/deps.ts';
import { createBenchKey, createCommitMaker, foundBenchSpace, type CommitMaker } from './bench-space.ts';
import { persistently } from './commits.ts';
import type { HubPeer } from './hub-peer.ts';

const OWN_PACE_MS = 100;

export interface Heard {
  /** Milliseconds from before the append until the last listener heard of it, of each commit. */
  readonly all: readonly number[];
  /** The same of each listener. */
  readonly each: readonly number[];
}

export interface Audience {
  readonly maker: CommitMaker;
  readonly members: readonly SigningKey[];
}

/** A space with so many members besides its owner. */
export async function prepareAudience(hub: HubPeer, owner: ReplicaDeps, size: number): Promise<Audience> {
  const remote = hub.connect(owner.machine.key);
  const { replica } = await foundBenchSpace(owner, remote, { items: 50 });
  const members = Array.from({ length: size }, createBenchKey);
  for (const [index, { machine }] of members.entries()) {
    const { recipient } = await owner.wrapping.generate();
    await addMember(replica, remote, { machine, recipient, name: `listener ${index}`, role: 'reader', account: null });
  }
  await remote.close();
  return { maker: await createCommitMaker(replica, { items: 50 }), members };
}

/** Opens live streams of the first so many members, each a machine and a connection of its own; what is returned commits, and waits until all heard. */
export async function listen(
  hub: HubPeer,
  { maker, members }: Audience,
  listeners: number,
): Promise<{ commit(count: number): Promise<Heard>; close(): Promise<void> }> {
  const { space } = maker.replica;
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  const remotes: Remote[] = [];
  let onHeard: (listener: number, position: number) => void = () => undefined;
  const watches: Promise<void>[] = [];
  for (let listener = 0; listener < listeners; listener += 1) {
    const remote = hub.connect(members[listener]!);
    remotes.push(remote);
    await new Promise<void>((resolve, reject) => {
      const watch = remote.watch(
        [space],
        (_, head) => {
          resolve();
          onHeard(listener, head?.position ?? -1);
        },
        ending.signal,
      );
      watch.catch(reject);
      watches.push(watch);
    });
  }
  const writer = hub.connect(maker.replica.deps.machine.key);
  return {
    async commit(count) {
      const [all, each]: [number[], number[]] = [[], []];
      for (let done = 0; done < count; done += 1) {
        const before = maker.head;
        const segment = await maker.next(1);
        const wanted = before.position + 1;
        const missing = new Set(Array.from({ length: listeners }, (_, listener) => listener));
        const began = performance.now();
        const everybody = new Promise<void>((resolve) => {
          onHeard = (listener, position) => {
            if (position < wanted || !missing.delete(listener)) return;
            each.push(performance.now() - began);
            if (missing.size === 0) resolve();
          };
        });
        const outcome = await persistently(() => writer.append(space, before, segment));
        if (outcome.type !== 'appended') throw new Error(`a commit was not taken: ${outcome.type}`);
        await everybody;
        all.push(performance.now() - began);
        await new Promise((resolve) => setTimeout(resolve, OWN_PACE_MS));
      }
      return { all, each };
    },
    async close() {
      ending.abort();
      await Promise.allSettled(watches);
      for (const remote of [...remotes, writer]) await remote.close();
    },
  };
}
