import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ReplicaDeps } from '../../../src/core/replica/deps.ts';
import { rateBatches, type BatchRate } from './batches.ts';
import { createBenchMachine } from './bench-space.ts';
import { prepareOneSpace, prepareOwnSpaces, turnedAway, type Commits } from './commits.ts';
import { listen, prepareAudience } from './fan-out.ts';
import { startGround, startHubPeer, type HubKind, type HubPeer } from './hub-peer.ts';
import { joinAsFreshMachine, type FreshMachine } from './fresh-machine.ts';
import { joinLate, type LateJoin } from './late-join.ts';
import { growLogs, type LongLog, type Restart } from './long-log.ts';
import { dialFromManyAddresses } from './many-addresses.ts';
import { measured, percentile, type Measured } from './measured.ts';
import { prepareLog, pull } from './pulls.ts';

export interface HubBench {
  readonly parent: string;
  readonly rounds: number;
  readonly scale: number;
  /** Of the log that is made long; changes of the one that a fresh machine joins. */
  readonly records: number;
  readonly loads: readonly HubLoad[];
  readonly kinds: readonly HubKind[];
  readonly tell: (line: string) => void;
}

/** One row of the report: what was done at which hub, in which round. */
export interface HubRow {
  readonly load: string;
  readonly kind: HubKind;
  readonly round: number;
  /** What the load is counted in, e.g. `commits`, and how many of it there were. */
  readonly unit: string;
  readonly count: number;
  readonly perSecond: number;
  /** Milliseconds of CPU each. */
  readonly hubCpu: number;
  readonly databaseCpu: number;
  readonly clientCpu: number;
  readonly hubMegabytes: number;
  readonly hubPeakMegabytes: number;
  readonly databaseMegabytes: number;
  readonly p50?: number;
  readonly p95?: number;
  readonly more?: Readonly<Record<string, number>>;
}

export interface HubReport {
  readonly rows: readonly HubRow[];
  readonly batches: readonly BatchRate[];
  readonly long: readonly LongLog[];
  readonly restarts: readonly Restart[];
  readonly lateJoin: LateJoin | null;
  readonly fresh: readonly FreshMachine[];
  /** Requests that had to be sent again, by what the hub said. */
  readonly turnedAway: Readonly<Record<string, number>>;
}

/** Turns of the small changes in batches: of three, the first is of code not warm yet. */
const BATCH_TURNS = 7;

/** Machines that write into spaces of their own, and into one; batches of small changes; clients that read a log; live listeners; a log that grows long; a fresh machine that joins one. */
export const HUB_LOADS = ['own', 'race', 'batches', 'pull', 'listeners', 'long', 'fresh'] as const;
export type HubLoad = (typeof HUB_LOADS)[number];

const WRITERS = [1, 16, 64];
const RACERS = 16;
const LISTENERS = [10, 100, 200, 500];
const PULLERS = [1, 16];
/** Changes of each commit that a fresh machine reads. */
const PER_COMMIT = [1_000, 1];

/** Hubs on SQLite and on PostgreSQL side by side, as processes of their own, each load at one after the other, rounds in turning order. */
export async function benchHub({ parent, rounds, scale, records, loads, kinds, tell }: HubBench): Promise<HubReport> {
  dialFromManyAddresses();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const folder = await mkdtemp(path.join(parent, 'satchel-bench-'));
  const ground = await startGround(folder);
  const hubs: HubPeer[] = [];
  try {
    const machines = await Promise.all(Array.from({ length: Math.max(...WRITERS) }, (_, n) => createBenchMachine(`m${n}`)));
    const seed = randomBytes(16).toString('hex');
    const owner = await createBenchMachine('owner', seed);
    const accounts = [owner, ...machines].map(({ machine }) => machine.key.machine);
    for (const kind of kinds) hubs.push(await startHubPeer(ground, kind, accounts));
    const rows: HubRow[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const inTurn = [...hubs.slice(round % hubs.length), ...hubs.slice(0, round % hubs.length)];
      const note = (row: Omit<HubRow, 'round'>): void => {
        rows.push({ ...row, round });
        tell(rowToText({ ...row, round }));
      };
      if (loads.includes('own')) await writeOwn(inTurn, machines, scale, note);
      if (loads.includes('race')) await race(inTurn, machines, scale, note);
      if (loads.includes('pull')) await readLog(inTurn, owner, scale, note);
      if (loads.includes('listeners')) await tellMany(inTurn, owner, scale, note);
    }
    const changes = Math.max(2_000, Math.round(scale * 40_000));
    const batches = loads.includes('batches')
      ? await rateBatches(ground, hubs, owner, { rounds: Math.max(BATCH_TURNS, rounds), changes, tell })
      : [];
    const isLong = loads.includes('long');
    const grown = isLong ? await growLogs(hubs, owner, records, tell) : null;
    const lateJoin = grown === null ? null : await joinLate(hubs[0]!, grown.space, seed, folder, tell);
    const fresh: FreshMachine[] = [];
    for (const perCommit of loads.includes('fresh') ? PER_COMMIT : []) {
      fresh.push(await joinAsFreshMachine({ folder, changes: records, perCommit, items: Math.max(1_000, Math.round(records / 20)), tell }));
    }
    const again: Record<string, number> = {};
    for (const reason of turnedAway) again[reason] = (again[reason] ?? 0) + 1;
    return { rows, batches, long: grown?.logs ?? [], restarts: grown?.restarts ?? [], lateJoin, fresh, turnedAway: again };
  } finally {
    for (const hub of hubs) await hub.close();
    await ground.postgres.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

type Note = (row: Omit<HubRow, 'round'>) => void;

async function writeOwn(hubs: readonly HubPeer[], machines: readonly ReplicaDeps[], scale: number, note: Note): Promise<void> {
  for (const writers of WRITERS) {
    const each = Math.max(10, Math.round((scale * 1_600) / (writers + 4)));
    for (const hub of hubs) {
      const work = await prepareOwnSpaces(hub, machines.slice(0, writers), each);
      note(commitsRow(`${writers} writers, a space each`, hub, await measured(hub, work)));
    }
  }
}

async function race(hubs: readonly HubPeer[], machines: readonly ReplicaDeps[], scale: number, note: Note): Promise<void> {
  for (const hub of hubs) {
    const work = await prepareOneSpace(hub, machines.slice(0, RACERS), Math.max(5, Math.round(scale * 20)));
    note(commitsRow(`${RACERS} writers, one space`, hub, await measured(hub, work)));
  }
}

async function readLog(hubs: readonly HubPeer[], owner: ReplicaDeps, scale: number, note: Note): Promise<void> {
  for (const hub of hubs) {
    const { replica } = await prepareLog(hub, owner, Math.max(2_000, Math.round(scale * 20_000)));
    for (const clients of PULLERS) {
      const took = await measured(hub, () => pull(hub, owner.machine.key, replica.space, clients));
      const { records: count, bytes } = took.result;
      const more = { 'MB/s': Math.round((bytes / 1e6 / took.seconds) * 10) / 10 };
      note({ load: `pull by ${clients}`, unit: 'records', count, ...figuresOf(hub, took, count), more });
    }
  }
}

async function tellMany(hubs: readonly HubPeer[], owner: ReplicaDeps, scale: number, note: Note): Promise<void> {
  for (const hub of hubs) {
    const audience = await prepareAudience(hub, owner, Math.max(...LISTENERS));
    for (const listeners of LISTENERS) {
      const open = await listen(hub, audience, listeners);
      const took = await measured(hub, () => open.commit(Math.max(5, Math.round(scale * 20))));
      await open.close();
      const { all, each } = took.result;
      const times = { p50: percentile(all, 0.5), p95: percentile(all, 0.95) };
      const more = { 'p50 of one': Math.round(percentile(each, 0.5)) };
      note({ load: `${listeners} listeners`, unit: 'commits', count: all.length, ...figuresOf(hub, took, all.length), ...times, more });
    }
  }
}

function commitsRow(load: string, hub: HubPeer, took: Measured<Commits>): Omit<HubRow, 'round'> {
  const { commits, times, lost } = took.result;
  const more = lost === 0 ? {} : { more: { 'lost a commit': Math.round((lost / commits) * 100) / 100 } };
  const latencies = { p50: percentile(times, 0.5), p95: percentile(times, 0.95) };
  return { load, unit: 'commits', count: commits, ...figuresOf(hub, took, commits), ...latencies, ...more };
}

function figuresOf({ kind }: HubPeer, took: Measured<unknown>, count: number) {
  const { hubMegabytes, hubPeakMegabytes, databaseMegabytes } = took;
  const each = (seconds: number): number => Math.round(((seconds * 1_000) / count) * 1_000) / 1_000;
  return {
    kind,
    perSecond: Math.round((count / took.seconds) * 10) / 10,
    hubCpu: each(took.hubCpu),
    databaseCpu: each(took.databaseCpu),
    clientCpu: each(took.clientCpu),
    hubMegabytes,
    hubPeakMegabytes,
    databaseMegabytes,
  };
}

function rowToText(row: HubRow): string {
  const times = row.p50 === undefined ? '' : `  p50 ${row.p50.toFixed(1)} ms, p95 ${row.p95?.toFixed(1)} ms`;
  const more = Object.entries(row.more ?? {}).map(([name, value]) => `  ${name} ${value}`);
  return `${row.load.padEnd(26)} ${row.kind.padEnd(18)} ${String(row.perSecond).padStart(8)} ${row.unit}/s  CPU ms hub ${row.hubCpu} db ${row.databaseCpu} clients ${row.clientCpu}  MB hub ${row.hubMegabytes} (${row.hubPeakMegabytes}) db ${row.databaseMegabytes}${times}${more.join('')}`;
}
