import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { benchClaudeMem } from './claude-mem/bench-claude-mem.ts';
import { benchHub, HUB_LOADS } from './hub/bench-hub.ts';
import { HUB_KINDS } from './hub/hub-peer.ts';
import { hubReportToText } from './hub/hub-report.ts';
import { databaseLoad } from './loads/database.ts';
import { filesLoad } from './loads/files.ts';
import type { Load } from './load.ts';
import { benchMneme } from './mneme/bench-mneme.ts';
import type { Peer } from './peer.ts';
import { DATABASE_PEERS, PEERS } from './peers.ts';
import { reportOf, reportToText } from './report.ts';
import { runRounds, type Rounds } from './rounds.ts';

const USAGE = `npm run bench -- [--rounds N] [--peers a,b] [--seed N] [--scale 0.1] [--folder PATH] [--only files|database|mneme|claude-mem|hub] [--records N] [--loads a,b] [--steps-only] [--json]

Carries one corpus (5,000 files, 151 MB, seeded), and then a claude-mem database of 30,000 rows, with each peer that is installed, rounds
interleaved, and prints medians and ratios; --steps-only without Satchel's own figures, which take minutes. --only mneme: 64 clients at the mneme gateway, and at a plain server of the same routes.
--only claude-mem: the real client pushes 30,000 rows through the gateway, and to a server in memory.
--only hub: hubs on SQLite and on PostgreSQL, with bodies in a folder, in the database and in a bucket: commits, batches, pulls, live listeners,
one log of N records (20,000), and a machine that joins another whose log holds N changes; one round where none are said.
--loads: some of own, race, batches, pull, listeners, long, fresh;
--peers "SQLite, folder;PostgreSQL;PostgreSQL, bucket".
`;

const SECTIONS: readonly { readonly name: string; readonly peers: readonly Peer[]; readonly load: (scale: number) => Load }[] = [
  { name: 'files', peers: PEERS, load: filesLoad },
  { name: 'database', peers: DATABASE_PEERS, load: databaseLoad },
];

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      peers: { type: 'string' },
      seed: { type: 'string', default: '1' },
      scale: { type: 'string', default: '1' },
      folder: { type: 'string', default: tmpdir() },
      only: { type: 'string' },
      records: { type: 'string', default: '20000' },
      loads: { type: 'string' },
      'steps-only': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const rounds = numberOf('rounds', values.rounds ?? (values.only === 'hub' ? '1' : '3'));
  const seed = numberOf('seed', values.seed);
  const scale = numberOf('scale', values.scale);
  if (values.only === 'mneme') {
    const report = await benchMneme({ parent: values.folder, scale, tell });
    process.stdout.write(`${JSON.stringify(values.json ? report : report.ratios, null, 2)}\n`);
    return;
  }
  if (values.only === 'hub') {
    const records = numberOf('records', values.records);
    const loads = chosen('loads', HUB_LOADS, values.loads?.split(','));
    const kinds = chosen('peers', HUB_KINDS, values.peers?.split(';'));
    const report = await benchHub({ parent: values.folder, rounds, scale, records, loads, kinds, tell });
    process.stdout.write(`${values.json ? JSON.stringify(report, null, 2) : hubReportToText(report)}\n`);
    return;
  }
  if (values.only === 'claude-mem') {
    const report = await benchClaudeMem({ parent: values.folder, rounds, scale, seed, tell });
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return;
  }
  const wanted = values.only?.split(',');
  const sections = SECTIONS.filter(({ name }) => wanted === undefined || wanted.includes(name));
  const unknown = wanted?.find((name) => !SECTIONS.some((section) => section.name === name));
  if (unknown !== undefined) throw new Error(`--only: expected ${SECTIONS.map(({ name }) => name).join(' or ')}, not ${unknown}`);
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length, memoryBytes: totalmem(), node: process.version };
  const measured: Record<string, unknown>[] = [];
  for (const section of sections) {
    const { installed, missing, versions } = await choosePeers(section.peers, values.peers?.split(','));
    if (installed.length === 0) continue;
    const load = section.load(scale);
    tell(`${load.description}; ${installed.length} peers: ${installed.map(({ name }) => name).join(', ')}`);
    const { measurements, figures } = await measure(load, installed, {
      rounds,
      seed,
      parent: values.folder,
      stepsOnly: values['steps-only'],
      tell,
    });
    const report = reportOf(measurements, ['rsync -z', 'restic'], missing, figures);
    measured.push({ load: load.name, description: load.description, versions, ...report });
    if (!values.json)
      process.stdout.write(
        `\n${load.description}: medians of ${rounds} rounds, ${machine.cpus} x ${machine.cpu}\n\n${reportToText(report)}\n\n${Object.values(versions).join('\n')}\n`,
      );
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, seed, rounds, loads: measured }, null, 2)}\n`);
}

async function measure(
  load: Load,
  peers: readonly Peer[],
  options: Pick<Rounds, 'rounds' | 'seed' | 'stepsOnly' | 'tell'> & { readonly parent: string },
): ReturnType<typeof runRounds> {
  const { parent, ...rest } = options;
  const folder = await mkdtemp(path.join(parent, 'satchel-bench-'));
  try {
    const corpus = path.join(folder, 'corpus');
    await mkdir(corpus);
    await load.write(corpus, rest.seed);
    return await runRounds({ ...rest, peers, load, corpus, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function choosePeers(
  peers: readonly Peer[],
  wanted: readonly string[] | undefined,
): Promise<{ installed: Peer[]; missing: string[]; versions: Record<string, string> }> {
  const unknown =
    wanted?.filter((name) => ![...PEERS, ...DATABASE_PEERS].some((peer) => peer.name === name || peer.name.startsWith(`${name} `))) ?? [];
  if (unknown.length > 0) throw new Error(`unknown peers: ${unknown.join(', ')}; known are ${PEERS.map(({ name }) => name).join(', ')}`);
  const installed: Peer[] = [];
  const missing: string[] = [];
  const versions: Record<string, string> = {};
  for (const peer of peers) {
    if (wanted !== undefined && !wanted.some((name) => peer.name === name || peer.name.startsWith(`${name} `))) continue;
    const version = await peer.available();
    if (version === null) missing.push(peer.name);
    else {
      installed.push(peer);
      versions[peer.name] = version;
    }
  }
  return { installed, missing, versions };
}

function chosen<T extends string>(flag: string, known: readonly T[], wanted: readonly string[] = known): readonly T[] {
  const unknown = wanted.find((name) => !known.some((one) => one === name));
  if (unknown !== undefined) throw new Error(`--${flag}: expected some of ${known.join('; ')}, not ${unknown}`);
  return known.filter((one) => wanted.includes(one));
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name}: expected a number above 0`);
  return value;
}
