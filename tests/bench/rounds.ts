import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Load } from './load.ts';
import { run } from './measured-process.ts';
import type { Measurement, Peer, Step } from './peer.ts';

/** peer → step → one measurement a round. */
export type Measurements = Map<string, Record<Step, Measurement[]>>;
/** peer → figure of its own → one value a round. */
export type Figures = Map<string, Map<string, number[]>>;

export interface Rounds {
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly load: Load;
  /** Holds what is carried; copied for every run. */
  readonly corpus: string;
  /** On the file system to measure on. */
  readonly folder: string;
  readonly seed: number;
  /** Without the figures of a peer's own, which can take minutes. */
  readonly stepsOnly: boolean;
  readonly tell: (line: string) => void;
}

/**
 * All peers in every round, in turning order, so that what else the machine does hits all of them alike. A peer that
 * fails, or whose target differs from the source after a step, stops the run: such numbers mean nothing.
 */
export async function runRounds({
  peers,
  rounds,
  load,
  corpus,
  folder,
  seed,
  stepsOnly,
  tell,
}: Rounds): Promise<{ measurements: Measurements; figures: Figures }> {
  const all: Measurements = new Map(peers.map((peer) => [peer.name, { firstSync: [], noChange: [], edit: [] }]));
  const figures: Figures = new Map();
  for (let round = 0; round < rounds; round++) {
    const start = round % Math.max(1, peers.length);
    for (const peer of [...peers.slice(start), ...peers.slice(0, start)]) {
      const root = await mkdtemp(path.join(folder, 'run-'));
      const place = { source: path.join(root, 'source'), target: path.join(root, 'target'), work: path.join(root, 'work') };
      try {
        await cp(corpus, place.source, { recursive: true, preserveTimestamps: true });
        for (const name of [place.target, place.work]) await mkdir(name);
        const session = await peer.open(place);
        try {
          for (const step of ['firstSync', 'noChange', 'edit'] as const) {
            if (step === 'edit') await load.edit(place.source, seed + 1 + round);
            // What others left to be written must not slow this one down.
            await run(['sync']);
            const measured = await session[step]();
            await checkEqual(load, peer, step, place.source, place.target);
            all.get(peer.name)![step].push(measured);
            tell(`round ${round + 1}/${rounds}  ${peer.name}  ${step}: ${measured.seconds.toFixed(3)} s`);
          }
          for (const [figure, value] of Object.entries((stepsOnly ? undefined : await session.figures?.()) ?? {})) {
            const own = figures.get(peer.name) ?? new Map<string, number[]>();
            figures.set(peer.name, own.set(figure, [...(own.get(figure) ?? []), value]));
            tell(`round ${round + 1}/${rounds}  ${peer.name}  ${figure}: ${value.toFixed(3)}`);
          }
        } finally {
          await session.close();
        }
      } finally {
        await rm(root, { recursive: true, force: true });
      }
    }
  }
  return { measurements: all, figures };
}

async function checkEqual(load: Load, peer: Peer, step: Step, source: string, target: string): Promise<void> {
  const difference = await load.difference(source, target);
  if (difference !== '') throw new Error(`${peer.name}: after ${step} source and target differ:\n${difference.slice(0, 2000)}`);
}
