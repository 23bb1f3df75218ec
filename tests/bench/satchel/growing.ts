import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTextMaker } from '../corpus-text.ts';
import { projectOf } from '../corpus.ts';
import { cpuSecondsOf } from '../process-figures.ts';
import { createSeededRandom } from '../seeded-random.ts';
import type { CountingProxy } from './counting-proxy.ts';
import type { SatchelMachine } from './satchel-machine.ts';
import { untilCalm } from './until-calm.ts';

export interface GrowingPlace {
  readonly hub: SatchelMachine;
  readonly here: SatchelMachine;
  readonly there: SatchelMachine;
  readonly near: CountingProxy;
  readonly far: CountingProxy;
  /** The first machine's Claude home. */
  readonly source: string;
}

const BYTES = 50_000_000;
const GROWTH = 2_000;
const SECONDS = 60;
const SESSION = '00000009-aaaa-4bbb-8ccc-000000000009.jsonl';

/**
 * With nodes on both machines, one transcript of 50 MB that grows by 2 KB each second for a minute: what that costs each
 * node in parts of one core, and what crosses the network for each byte that the transcript grew by.
 */
export async function measureGrowing({ hub, here, there, near, far, source }: GrowingPlace): Promise<Record<string, number>> {
  const texts = createTextMaker(createSeededRandom(99));
  const file = path.join(source, await projectOf(source), SESSION);
  await writeFile(file, texts.transcript(BYTES));
  await here.up();
  await here.ask('sync');
  await there.ask('sync');
  await untilCalm([here, there, hub]);

  const machines = { 'first machine': here, 'second machine': there, hub };
  const cpu = async (): Promise<(number | null)[]> => Promise.all(Object.values(machines).map(({ pid }) => cpuSecondsOf([pid])));
  const [cpuBefore, nearBefore, farBefore] = [await cpu(), near.bytes(), far.bytes()];
  const began = performance.now();
  let grown = 0;
  for (let second = 0; second < SECONDS; second += 1) {
    const lines = `${JSON.stringify({ type: 'user', uuid: `${second}`, message: { role: 'user', content: texts.prose(GROWTH - 90) } })}\n`;
    await appendFile(file, lines);
    grown += lines.length;
    await sleep(Math.max(0, began + (second + 1) * 1_000 - performance.now()));
  }
  await sleep(1_000);
  const seconds = (performance.now() - began) / 1_000;
  const cpuAfter = await cpu();
  const figures: Record<string, number> = {};
  for (const [index, name] of Object.keys(machines).entries()) {
    const [before, after] = [cpuBefore[index], cpuAfter[index]];
    if (before != null && after != null) figures[`growing transcript, % of a core (${name})`] = ((after - before) / seconds) * 100;
  }
  figures['growing transcript, KB a second'] = grown / seconds / 1_000;
  figures['growing transcript, times its growth to the hub'] = (near.bytes() - nearBefore) / grown;
  figures['growing transcript, times its growth from the hub'] = (far.bytes() - farBefore) / grown;
  return figures;
}
