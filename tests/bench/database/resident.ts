import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import { EDIT_ROWS } from '../loads/database.ts';
import { cpuSecondsOf, residentMegabytes } from '../process-figures.ts';
import type { CountingProxy } from '../satchel/counting-proxy.ts';
import type { SatchelMachine } from '../satchel/satchel-machine.ts';
import { untilCalm } from '../satchel/until-calm.ts';
import { MEM_FILE, MemoryRows, openMemories } from './memory-rows.ts';

export interface CommittedPlace {
  readonly here: SatchelMachine;
  readonly there: SatchelMachine;
  readonly source: string;
  readonly target: string;
}

export interface MemoriesPlace extends CommittedPlace {
  readonly hub: SatchelMachine;
  readonly near: CountingProxy;
  readonly far: CountingProxy;
}

const EDITS = 20;
const SYNCS = 200;
const QUIET_MS = 5_000;
const LATEST_MS = 60_000;
/** Not those of the corpus or its edits. */
const SEED = 5_000;

/**
 * With nodes on both machines, which have the rows by now: how long 203 new rows, and one alone, take from their commit on one machine
 * until they are in the other's database, what a `sync` costs the node that finds nothing changed, and what the nodes hold in memory.
 */
export async function measureMemories({ hub, here, there, near, far, source, target }: MemoriesPlace): Promise<Record<string, number>> {
  await here.up();
  await here.ask('sync');
  await there.ask('sync');
  await sleep(QUIET_MS);
  const figures: Record<string, number> = {};

  const cpuBefore = await cpuSecondsOf([here.pid]);
  for (let index = 0; index < SYNCS; index++) await here.ask('sync');
  const cpuAfter = await cpuSecondsOf([here.pid]);
  if (cpuBefore !== null && cpuAfter !== null) figures['sync without change, ms of CPU'] = ((cpuAfter - cpuBefore) / SYNCS) * 1000;

  const before = [near.bytes(), far.bytes()] as const;
  Object.assign(figures, await committed(source, target));
  figures['203 rows and one, KB to the hub'] = (near.bytes() - before[0]) / 1000 / (EDITS / 2);
  figures['203 rows and one, KB from the hub'] = (far.bytes() - before[1]) / 1000 / (EDITS / 2);

  await untilCalm([here, there, hub]);
  for (const [name, machine] of Object.entries({ 'first machine': here, 'second machine': there, hub })) {
    const megabytes = await residentMegabytes(machine.pid);
    if (megabytes !== null) figures[`idle node, MB (${name})`] = megabytes;
  }
  return figures;
}

/** The first of these alone: how long new rows take to the other database. */
export async function measureCommitted({ here, there, source, target }: CommittedPlace): Promise<Record<string, number>> {
  await here.up();
  await here.ask('sync');
  await there.ask('sync');
  await sleep(QUIET_MS);
  return committed(source, target);
}

async function committed(source: string, target: string): Promise<Record<string, number>> {
  const figures: Record<string, number> = {};
  const [worker, other] = [openMemories(path.join(source, MEM_FILE)), openMemories(path.join(target, MEM_FILE))];
  try {
    const seconds: Record<string, number[]> = { [`${EDIT_ROWS} rows`]: [], 'one row': [] };
    for (let index = 0; index < EDITS; index++) {
      const isOne = index % 2 === 1;
      seconds[isOne ? 'one row' : `${EDIT_ROWS} rows`]!.push(await committedToThere(worker, other, isOne ? 1 : EDIT_ROWS, SEED + index));
      await sleep(1_500 + 37 * (index % 7));
    }
    for (const [what, all] of Object.entries(seconds)) {
      const sorted = all.toSorted((a, b) => a - b);
      figures[`committed to there, s (${what}, p50)`] = at(sorted, 0.5);
      figures[`committed to there, s (${what}, p95)`] = at(sorted, 0.95);
    }
  } finally {
    worker.close();
    other.close();
  }
  return figures;
}

async function committedToThere(worker: Database, other: Database, rows: number, seed: number): Promise<number> {
  const count = other.prepare<[], number>(`SELECT ${TABLES.map((table) => `(SELECT max(rowid) FROM ${table})`).join(' + ')}`).pluck();
  const wanted = (count.get() ?? 0) + rows;
  new MemoryRows(worker, seed).add(rows);
  const began = performance.now();
  while ((count.get() ?? 0) < wanted) {
    if (performance.now() - began > LATEST_MS) throw new Error(`${rows} rows were not there within ${LATEST_MS / 1000} s`);
    await sleep(1);
  }
  return (performance.now() - began) / 1000;
}

const TABLES = ['sdk_sessions', 'observations', 'session_summaries', 'user_prompts'];

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!;
}
