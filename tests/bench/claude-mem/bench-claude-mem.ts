import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NEWEST, RealWorker } from '../../claude-mem/real-worker.ts';
import { MemoryRows, openMemories } from '../database/memory-rows.ts';
import { cpuSecondsOf } from '../process-figures.ts';
import { findProgram, SatchelMachine } from '../satchel/satchel-machine.ts';
import { startMemoryServer } from './memory-server.ts';

export interface ClaudeMemBench {
  readonly parent: string;
  readonly rounds: number;
  readonly scale: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}

/** Seconds of each round, and what they come to. */
export interface ClaudeMemReport {
  readonly rows: number;
  readonly worker: string;
  readonly gateway: readonly number[];
  readonly inMemory: readonly number[];
  readonly gatewayCpu: readonly number[];
  /** Median over median. */
  readonly ratio: number;
}

const ROWS = 30_000;
const LATEST_MS = 300_000;
/** Not much against seconds, and few enough questions that they cost neither server anything to speak of. */
const POLL_MS = 100;

/** Where a worker is to push to. */
interface Hub {
  readonly settings: Record<string, string>;
  /** User and system time so far. */
  cpu(): Promise<number>;
  close(): Promise<void>;
}

/**
 * The real client pushes 30,000 rows: through the gateway of a node, durable and encrypted when they are acknowledged, and to a server
 * that keeps them in memory. From the first row that arrived to the last; rounds interleaved, in turning order.
 */
export async function benchClaudeMem({ parent, rounds, scale, seed, tell }: ClaudeMemBench): Promise<ClaudeMemReport> {
  const rows = Math.max(500, Math.round(ROWS * scale));
  const seconds = { gateway: [] as number[], inMemory: [] as number[] };
  const gatewayCpu: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const which of round % 2 === 0 ? (['gateway', 'inMemory'] as const) : (['inMemory', 'gateway'] as const)) {
      const folder = await mkdtemp(path.join(parent, 'satchel-bench-'));
      try {
        const hub = await (which === 'gateway' ? openGateway(path.join(folder, 'node')) : openMemory());
        try {
          const took = await push(path.join(folder, 'worker'), hub, rows, seed + round);
          seconds[which].push(took.seconds);
          if (which === 'gateway') gatewayCpu.push(took.cpu);
          tell(`round ${round + 1}/${rounds}  ${which}: ${rows} rows in ${took.seconds.toFixed(2)} s`);
        } finally {
          await hub.close();
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
  }
  return { rows, worker: NEWEST, ...seconds, gatewayCpu, ratio: median(seconds.gateway) / median(seconds.inMemory) };
}

async function openMemory(): Promise<Hub> {
  const server = await startMemoryServer();
  return { settings: settingsOf(server.url, 'a token'), cpu: () => Promise.resolve(0), close: () => server.close() };
}

async function openGateway(home: string): Promise<Hub> {
  const program = findProgram();
  if (program === null) throw new Error('satchel is not built: npm run build');
  const node = await SatchelMachine.make(program, home, null);
  await node.up();
  const { token } = JSON.parse(await node.command('claude-mem', 'serve', '--user', 'me', '--json')) as {
    readonly token: { readonly token: string; readonly url: string };
  };
  return {
    settings: settingsOf(token.url, token.token),
    cpu: async () => (await cpuSecondsOf([node.pid])) ?? 0,
    close: () => node.down(),
  };
}

function settingsOf(url: string, token: string): Record<string, string> {
  return { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
}

async function push(home: string, hub: Hub, rows: number, seed: number): Promise<{ readonly seconds: number; readonly cpu: number }> {
  await mkdir(home);
  const worker = new RealWorker(home, NEWEST);
  await worker.settings(hub.settings);
  // What is there when sync is switched on is never pushed: rows come after that.
  await worker.start();
  await worker.save('the first of all');
  await untilPushed(hub, 1);
  await worker.stop();
  const database = openMemories(worker.file);
  new MemoryRows(database, seed).add(rows);
  const sessions = database.prepare<[], number>("SELECT count(*) FROM sdk_sessions WHERE content_session_id LIKE 's-%'").pluck().get() ?? 0;
  database.close();
  // While rows were made nothing else ran here: connections may have ended, and the first question would find that out.
  await headOf(hub).catch(() => 0);
  const before = await headOf(hub);
  const cpuBefore = await hub.cpu();
  await worker.start();
  try {
    await untilPushed(hub, before + 1);
    const began = performance.now();
    await untilPushed(hub, before + rows - sessions);
    return { seconds: (performance.now() - began) / 1_000, cpu: (await hub.cpu()) - cpuBefore };
  } finally {
    await worker.stop();
  }
}

async function untilPushed(hub: Hub, head: number): Promise<void> {
  const deadline = performance.now() + LATEST_MS;
  while ((await headOf(hub)) < head) {
    if (performance.now() > deadline) throw new Error(`not pushed within ${LATEST_MS / 1_000} s: ${await headOf(hub)} of ${head}`);
    await sleep(POLL_MS);
  }
}

async function headOf({ settings }: Hub): Promise<number> {
  const answer = await fetch(`${settings['CLAUDE_MEM_CLOUD_SYNC_HUB_URL']}/v1/sync/status`, {
    headers: {
      authorization: `Bearer ${settings['CLAUDE_MEM_CLOUD_SYNC_TOKEN']}`,
      'x-user-id': 'me',
      'x-device-id': 'bench',
    },
  });
  if (!answer.ok) throw new Error(`status answered ${answer.status}: ${await answer.text()}`);
  return Number(((await answer.json()) as { readonly head_seq: string }).head_seq);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
