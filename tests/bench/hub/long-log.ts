import type { SpaceId } from '../../../src/core/ids.ts';
import { decodeRecord, EMPTY_HEAD } from '../../../src/core/log/record.ts';
import type { Remote } from '../../../src/core/ports/remote.ts';
import type { ReplicaDeps } from '../../../src/core/replica/deps.ts';
import { foundBenchSpace, type CommitMaker } from './bench-space.ts';
import { persistently } from './commits.ts';
import type { HubKind, HubMemory, HubPeer } from './hub-peer.ts';
import { measured, percentile } from './measured.ts';
import { pull } from './pulls.ts';

const SEGMENT = 1_000;
/** Single commits that are timed at both ends. */
const SINGLES = 100;
const LAST = 1_000;

export interface Singles {
  readonly p50: number;
  readonly p95: number;
  /** Milliseconds of a commit, hub and database together. */
  readonly cpu: number;
}

export interface LongLog {
  readonly kind: HubKind;
  readonly records: number;
  /** Single commits, one after the other, into the log while it is short, and when it is long. */
  readonly first: Singles;
  readonly last: Singles;
  /** Milliseconds of CPU of hub and database for 1,000 records in one append, in the first and the last tenth. */
  readonly segmentCpu: { readonly first: number; readonly last: number };
  /** Of the last 1,000 records. */
  readonly pull: { readonly ms: number; readonly cpu: number };
  readonly disk: { readonly store: number; readonly bodies: number | null };
  readonly memory: HubMemory;
  readonly restart: { readonly seconds: number; readonly cpu: number };
}

/** One log of so many records at each of the hubs, of the same bytes: they are made once, and appended to one after the other. */
export async function growLogs(
  hubs: readonly HubPeer[],
  owner: ReplicaDeps,
  records: number,
  tell: (line: string) => void,
): Promise<{ readonly space: SpaceId; readonly logs: readonly LongLog[] }> {
  const remotes = hubs.map((hub) => hub.connect(owner.machine.key));
  const maker = await foundEverywhere(remotes, owner, Math.min(10_000, Math.max(100, records / 20)));
  const { space } = maker.replica;
  const segments = Math.max(10, Math.round(records / SEGMENT));
  const costs = hubs.map((): number[] => []);
  const first = await singles(hubs, remotes, maker);
  let before = maker.head;
  let ahead = maker.next(SEGMENT);
  for (let made = 0; made < segments; made += 1) {
    const segment = await ahead;
    const { head } = maker;
    const append = async (index: number): Promise<void> => {
      const outcome = await persistently(() => remotes[index]!.append(space, before, segment));
      if (outcome.type !== 'appended') throw new Error(`a segment was not taken: ${outcome.type}`);
    };
    if (made < segments / 10 || made >= segments * 0.9) {
      for (const [index, hub] of hubs.entries()) {
        const start = await hub.cost();
        await append(index);
        const end = await hub.cost();
        costs[index]!.push(end.hub + end.database - start.hub - start.database);
      }
      if (made < segments - 1) ahead = maker.next(SEGMENT);
    } else {
      // In between nothing is measured: all of them at once, while the next is made.
      ahead = maker.next(SEGMENT);
      await Promise.all(hubs.map((_, index) => append(index)));
    }
    before = head;
    if ((made + 1) % Math.ceil(segments / 20) === 0) tell(`  ${(made + 1) * SEGMENT} records at each hub`);
  }
  const last = await singles(hubs, remotes, maker);
  for (const remote of remotes) await remote.close();
  const logs: LongLog[] = [];
  for (const [index, hub] of hubs.entries()) {
    const { key } = owner.machine;
    const from = maker.head.position + 1 - LAST;
    const pulled = await measured(hub, () => pull(hub, key, space, 1, from));
    const memory = await hub.memory();
    const cost = costs[index]!;
    const tenth = Math.floor(cost.length / 2);
    logs.push({
      kind: hub.kind,
      records: maker.head.position + 1,
      first: first[index]!,
      last: last[index]!,
      segmentCpu: { first: mean(cost.slice(0, tenth)) * 1_000, last: mean(cost.slice(tenth)) * 1_000 },
      pull: { ms: pulled.seconds * 1_000, cpu: (pulled.hubCpu + pulled.databaseCpu) * 1_000 },
      disk: await hub.disk(),
      memory,
      restart: await hub.restart(),
    });
  }
  return { space, logs };
}

async function foundEverywhere(remotes: readonly Remote[], owner: ReplicaDeps, items: number): Promise<CommitMaker> {
  const [one, ...others] = remotes;
  if (one === undefined) throw new Error('no hub');
  const maker = await foundBenchSpace(owner, one, items);
  const { space } = maker.replica;
  const [row] = await owner.store.read((tx) => tx.logs.read(space, 0, { records: 1, bytes: 1 }));
  const genesis = row === undefined ? null : decodeRecord(row.bytes);
  if (genesis?.ok !== true) throw new Error('the space has no genesis');
  for (const remote of others) await remote.append(space, EMPTY_HEAD, { records: [genesis.value], objects: [] });
  return maker;
}

async function singles(hubs: readonly HubPeer[], remotes: readonly Remote[], maker: CommitMaker): Promise<Singles[]> {
  const first = maker.head;
  const { records, objects } = await maker.next(SINGLES);
  const all: Singles[] = [];
  for (const [index, hub] of hubs.entries()) {
    const { result: times, ...took } = await measured(hub, async () => {
      const each: number[] = [];
      let head = first;
      for (const [at, record] of records.entries()) {
        const began = performance.now();
        const outcome = await persistently(() =>
          remotes[index]!.append(maker.replica.space, head, { records: [record], objects: [objects[at]!] }),
        );
        if (outcome.type !== 'appended') throw new Error(`a commit was not taken: ${outcome.type}`);
        each.push(performance.now() - began);
        head = outcome.head;
      }
      return each;
    });
    all.push({
      p50: percentile(times, 0.5),
      p95: percentile(times, 0.95),
      cpu: ((took.hubCpu + took.databaseCpu) / SINGLES) * 1_000,
    });
  }
  return all;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
