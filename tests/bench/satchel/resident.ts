import { appendFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOf, residentMegabytes } from '../process-figures.ts';
import type { SatchelMachine } from './satchel-machine.ts';
import { untilCalm } from './until-calm.ts';

export interface ResidentPlace {
  readonly hub: SatchelMachine;
  readonly here: SatchelMachine;
  readonly there: SatchelMachine;
  readonly source: string;
  readonly target: string;
}

const EDITS = 60;
const SYNCS = 1_000;
const QUIET_MS = 3_000;
const LATEST_MS = 30_000;

/**
 * With nodes on both machines: how long a saved file takes to be readable on the other machine, what a `sync` costs the
 * node that finds nothing changed, and what the three nodes hold in memory afterwards.
 */
export async function measureResident(place: ResidentPlace): Promise<Record<string, number>> {
  const { hub, here, there } = place;
  await here.up();
  await here.ask('sync');
  await there.ask('sync');
  await sleep(QUIET_MS);
  const figures: Record<string, number> = {};

  const cpuBefore = await cpuSecondsOf([here.pid]);
  for (let index = 0; index < SYNCS; index++) await here.ask('sync');
  const cpuAfter = await cpuSecondsOf([here.pid]);
  if (cpuBefore !== null && cpuAfter !== null) figures['sync without change, ms of CPU'] = ((cpuAfter - cpuBefore) / SYNCS) * 1000;

  const seconds = (await savedToReadable(place)).toSorted((a, b) => a - b);
  figures['saved to readable, s (p50)'] = at(seconds, 0.5);
  figures['saved to readable, s (p95)'] = at(seconds, 0.95);

  await untilCalm([here, there, hub]);
  for (const [name, machine] of Object.entries({ 'first machine': here, 'second machine': there, hub })) {
    const megabytes = await residentMegabytes(machine.pid);
    if (megabytes !== null) figures[`idle node, MB (${name})`] = megabytes;
  }
  return figures;
}

/** Edits of different sorts, one at a time: a new file, a file written anew, a transcript that grows. */
async function savedToReadable({ source, target }: ResidentPlace): Promise<number[]> {
  const plans = (await readdir(path.join(source, 'plans'), { recursive: true })).filter((name) => name.endsWith('.md')).toSorted();
  const [transcript] = (await readdir(path.join(source, 'projects'), { recursive: true })).filter((name) => name.endsWith('.jsonl'));
  const seconds: number[] = [];
  for (let index = 0; index < EDITS; index++) {
    const line = `${JSON.stringify({ type: 'user', index, text: 'saved here, readable there?' })}\n`;
    const name = [
      path.join('plans', `fresh-${index}.md`),
      path.join('plans', plans[index % plans.length]!),
      path.join('projects', transcript!),
    ][index % 3]!;
    const began = performance.now();
    if (index % 3 === 2) await appendFile(path.join(source, name), line);
    else await writeFile(path.join(source, name), line);
    await untilReadable(path.join(target, name), line);
    seconds.push((performance.now() - began) / 1000);
    await sleep(40 + 7 * (index % 11));
  }
  return seconds;
}

/**
 * The time alone does not tell: while one file is renamed over another, the old one still stands there and has its new time already, which
 * on a coarse clock is that of the one that comes.
 */
async function untilReadable(file: string, end: string): Promise<void> {
  const deadline = performance.now() + LATEST_MS;
  let seen = '';
  while (performance.now() < deadline) {
    const now = await stat(file, { bigint: true }).catch(() => null);
    const look = now === null ? seen : `${now.ino} ${now.size} ${now.ctimeNs}`;
    if (look !== seen) {
      seen = look;
      if ((await readFile(file, 'utf8')).endsWith(end)) return;
    }
    await sleep(2);
  }
  throw new Error(`${file} did not change within ${LATEST_MS / 1000} s`);
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!;
}
