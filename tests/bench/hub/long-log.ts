import type { SpaceId } from '../../../src/core/ids.ts';
import { decodeRecord, EMPTY_HEAD, type Head } from '../../../src/core/log/record.ts';
import type { Remote, Segment } from '../../../src/core/ports/remote.ts';
import type { ReplicaDeps } from '../../../src/core/replica/deps.ts';
import { foundBenchSpace, type CommitMaker } from './bench-space.ts';
import { persistently } from './commits.ts';
import type { HubKind, HubMemory, HubPeer } from './hub-peer.ts';
import { measured, percentile } from './measured.ts';
import { pull } from './pulls.ts';

const SEGMENT = 1_000;
/** Single commits, and segments, that are measured at each stage. */
const SINGLES = 50;
const TIMED_SEGMENTS = 5;
const LAST = 1_000;
/** Else bodies would take most of the time, and it is the log that is to be long. */
const COMMITS_PER_OBJECT = 20;
/** Records after which a log is looked at, besides its end. */
const STAGES = [1_000, 10_000, 100_000, 300_000];

/** What a log of some length costs at one hub. */
export interface LongLog {
  readonly kind: HubKind;
  readonly records: number;
  /** Commits one after the other: milliseconds each, and CPU of hub and database together. */
  readonly single: { readonly p50: number; readonly cpu: number };
  /** Milliseconds of CPU for 1,000 records in one append. */
  readonly segmentCpu: number;
  /** Of the last 1,000 records. */
  readonly pull: { readonly ms: number; readonly cpu: number };
  readonly disk: { readonly store: number; readonly bodies: number | null };
  readonly memory: HubMemory;
}

export interface Restart {
  readonly kind: HubKind;
  readonly records: number;
  readonly seconds: number;
  readonly cpu: number;
}

export interface Grown {
  readonly space: SpaceId;
  readonly logs: readonly LongLog[];
  readonly restarts: readonly Restart[];
}

/** One log of so many records at each of the hubs, of the same bytes: they are made once, and appended in segments of 1,000. */
export async function growLogs(
  hubs: readonly HubPeer[],
  owner: ReplicaDeps,
  records: number,
  tell: (line: string) => void,
): Promise<Grown> {
  const remotes = hubs.map((hub) => hub.connect(owner.machine.key));
  const maker = await foundEverywhere(remotes, owner, Math.min(10_000, Math.max(100, records / 20)));
  const { space } = maker.replica;
  const logs: LongLog[] = [];
  const stages = [...STAGES.filter((stage) => stage < records * 0.9), records];
  for (const stage of stages) {
    while (maker.head.position + 1 + (TIMED_SEGMENTS + 1) * SEGMENT < stage) {
      const before = maker.head;
      const segment = await maker.next(SEGMENT);
      await Promise.all(remotes.map((remote) => appendTo(remote, space, before, segment)));
    }
    logs.push(...(await lookAt(hubs, remotes, maker)));
    for (const log of logs.slice(-hubs.length)) tell(JSON.stringify(log));
  }
  for (const remote of remotes) await remote.close();
  const restarts: Restart[] = [];
  for (const hub of hubs) restarts.push({ kind: hub.kind, records: maker.head.position + 1, ...(await hub.restart()) });
  for (const restart of restarts) tell(JSON.stringify(restart));
  return { space, logs, restarts };
}

/** What the next records cost, at each hub by itself. */
async function lookAt(hubs: readonly HubPeer[], remotes: readonly Remote[], maker: CommitMaker): Promise<LongLog[]> {
  const { space, deps } = maker.replica;
  const segmentCpu = hubs.map(() => 0);
  for (let done = 0; done < TIMED_SEGMENTS; done += 1) {
    const before = maker.head;
    const segment = await maker.next(SEGMENT);
    for (const [index, hub] of hubs.entries()) {
      const took = await measured(hub, () => appendTo(remotes[index]!, space, before, segment));
      segmentCpu[index]! += ((took.hubCpu + took.databaseCpu) * 1_000) / TIMED_SEGMENTS;
    }
  }
  const first = maker.head;
  const { records, objects } = await maker.next(SINGLES);
  const sent = new Map(objects.map((object) => [object.id, object]));
  const logs: LongLog[] = [];
  for (const [index, hub] of hubs.entries()) {
    const { result: times, ...took } = await measured(hub, async () => {
      const each: number[] = [];
      let head = first;
      for (const record of records) {
        const began = performance.now();
        head = await appendTo(remotes[index]!, space, head, {
          records: [record],
          objects: record.header.objects.flatMap((id) => sent.get(id) ?? []),
        });
        each.push(performance.now() - began);
      }
      return each;
    });
    const from = maker.head.position + 1 - Math.min(LAST, maker.head.position + 1);
    const pulled = await measured(hub, () => pull(hub, deps.machine.key, space, 1, from));
    logs.push({
      kind: hub.kind,
      records: maker.head.position + 1,
      single: { p50: percentile(times, 0.5), cpu: ((took.hubCpu + took.databaseCpu) * 1_000) / SINGLES },
      segmentCpu: segmentCpu[index]!,
      pull: { ms: pulled.seconds * 1_000, cpu: (pulled.hubCpu + pulled.databaseCpu) * 1_000 },
      disk: await hub.disk(),
      memory: await hub.memory(),
    });
  }
  return logs;
}

async function appendTo(remote: Remote, space: SpaceId, before: Head, segment: Segment): Promise<Head> {
  const outcome = await persistently(() => remote.append(space, before, segment));
  if (outcome.type !== 'appended') throw new Error(`nobody else writes here, and yet: ${outcome.type}`);
  return outcome.head;
}

async function foundEverywhere(remotes: readonly Remote[], owner: ReplicaDeps, items: number): Promise<CommitMaker> {
  const [one, ...others] = remotes;
  if (one === undefined) throw new Error('no hub');
  const maker = await foundBenchSpace(owner, one, { items, perObject: COMMITS_PER_OBJECT });
  const { space } = maker.replica;
  const [row] = await owner.store.read((tx) => tx.logs.read(space, 0, { records: 1, bytes: 1 }));
  const genesis = row === undefined ? null : decodeRecord(row.bytes);
  if (genesis?.ok !== true) throw new Error('the space has no genesis');
  for (const remote of others) await remote.append(space, EMPTY_HEAD, { records: [genesis.value], objects: [] });
  return maker;
}
