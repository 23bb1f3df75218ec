import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { FULL_CORPUS, writeCorpus } from './corpus.ts';
import type { Peer } from './peer.ts';
import { PEERS } from './peers.ts';
import { reportOf, reportToText } from './report.ts';
import { runRounds } from './rounds.ts';

const USAGE = `npm run bench -- [--rounds N] [--peers a,b] [--seed N] [--scale 0.1] [--folder PATH] [--json]

Carries one corpus (5,000 files, 151 MB, seeded) with each peer that is installed, rounds interleaved, and prints medians and ratios.
`;

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      peers: { type: 'string' },
      seed: { type: 'string', default: '1' },
      scale: { type: 'string', default: '1' },
      folder: { type: 'string', default: tmpdir() },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const rounds = numberOf('rounds', values.rounds);
  const seed = numberOf('seed', values.seed);
  const scale = numberOf('scale', values.scale);
  const size = { files: Math.max(20, Math.round(FULL_CORPUS.files * scale)), bytes: Math.round(FULL_CORPUS.bytes * scale) };
  const { installed, missing, versions } = await choosePeers(values.peers?.split(','));
  tell(`${installed.length} peers: ${installed.map(({ name }) => name).join(', ')}`);

  const folder = await mkdtemp(path.join(values.folder, 'satchel-bench-'));
  try {
    tell(`writing the corpus: ${size.files} files, ${(size.bytes / 1e6).toFixed(0)} MB`);
    const corpus = path.join(folder, 'corpus');
    await writeCorpus(corpus, seed, size);
    const { measurements, figures } = await runRounds({ peers: installed, rounds, corpus, folder, seed, tell });
    const report = reportOf(measurements, ['rsync -z', 'restic'], missing, figures);
    const machine = { cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length, memoryBytes: totalmem(), node: process.version };
    const document = { machine, corpus: { ...size, seed }, rounds, versions, ...report };
    process.stdout.write(
      values.json
        ? `${JSON.stringify(document, null, 2)}\n`
        : `\nMedians of ${rounds} rounds, ${machine.cpus} x ${machine.cpu}\n\n${reportToText(report)}\n\n${Object.values(versions).join('\n')}\n`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function choosePeers(
  wanted: readonly string[] | undefined,
): Promise<{ installed: Peer[]; missing: string[]; versions: Record<string, string> }> {
  const unknown = wanted?.filter((name) => !PEERS.some((peer) => peer.name === name || peer.name.startsWith(`${name} `))) ?? [];
  if (unknown.length > 0) throw new Error(`unknown peers: ${unknown.join(', ')}; known are ${PEERS.map(({ name }) => name).join(', ')}`);
  const installed: Peer[] = [];
  const missing: string[] = [];
  const versions: Record<string, string> = {};
  for (const peer of PEERS) {
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

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name}: expected a number above 0`);
  return value;
}
