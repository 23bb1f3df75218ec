import path from 'node:path';
import Database from 'better-sqlite3';
import { Replica } from '../../../src/core/replica/replica.ts';
import { BACKFILLS } from '../../../src/core/replica/space-notes.ts';
import { createKindRegistry } from '../../../src/kinds/registry.ts';
import { createAgeKeyWrapping } from '../../../src/node/age-key-wrapping.ts';
import { nodeHome } from '../../../src/node/home.ts';
import { loadMachineIdentity } from '../../../src/node/machine-identity.ts';
import { createSystemClock, createSystemRandom } from '../../../src/node/system.ts';
import { createLocalRemote } from '../../../src/remotes/local.ts';
import { createFolderObjects } from '../../../src/store/chunks/folder-objects.ts';
import { createSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts';
import { createZstd } from '../../../src/store/zstd.ts';
import { cpuSecondsOf, peakMegabytes } from '../process-figures.ts';
import { findProgram, SatchelMachine } from '../satchel/satchel-machine.ts';
import { createCommitMaker } from './bench-space.ts';

/** Records of one append, as far as they fit. */
const SEGMENT = 1_000;
const LOOK_EVERY = 500;

/** What one process did: from its start, or from the step before. */
export interface ProcessFigures {
  readonly seconds: number;
  readonly cpu: number;
  /** The most that was resident of the process, all of it. */
  readonly peakMegabytes: number;
}

/** A machine that joins a personal space whose log holds so many changes; both as users have them: `satchel up`, `invite`, `join`. */
export interface FreshMachine {
  readonly changes: number;
  readonly perCommit: number;
  readonly items: number;
  /** The first machine's node starts, which has not replayed the log yet. */
  readonly start: ProcessFigures;
  /** It writes the checkpoint and lets the other one in. */
  readonly invite: ProcessFigures;
  /** The node of the fresh machine, until `satchel join` ended. */
  readonly join: ProcessFigures;
  /** The same node from there until it has the whole history, and replayed it. */
  readonly history: ProcessFigures;
}

export interface FreshMachineOptions {
  readonly folder: string;
  readonly changes: number;
  readonly perCommit: number;
  readonly items: number;
  readonly tell: (line: string) => void;
}

/** Makes the log beforehand in the first machine's own store, by the product's commit path, while its node is down. */
export async function joinAsFreshMachine({ folder, changes, perCommit, items, tell }: FreshMachineOptions): Promise<FreshMachine> {
  const program = findProgram();
  if (program === null) throw new Error('the program is not built: npm run build');
  const owner = await SatchelMachine.make(program, path.join(folder, `owner-${perCommit}`), null);
  const fresh = await SatchelMachine.make(program, path.join(folder, `fresh-${perCommit}`), null);
  process.once('exit', () => [owner, fresh].forEach((machine) => machine.kill()));
  try {
    await owner.up();
    await owner.down();
    await growLog(owner, { changes, perCommit, items });
    const began = performance.now();
    await owner.up();
    const start = await figuresSince(owner, began, 0);
    await fresh.up();
    await peakMegabytes(fresh.pid); // counted from here on
    const link = (JSON.parse(await owner.command('invite', '--json')) as { link: string }).link;
    const [ownerCpu, freshCpu] = await Promise.all([owner, fresh].map(({ pid }) => cpuSecondsOf([pid])));
    const invited = performance.now();
    await fresh.command('join', link, '--yes');
    const invite = await figuresSince(owner, invited, ownerCpu ?? 0);
    const join = await figuresSince(fresh, invited, freshCpu ?? 0);
    tell(`joined: ${JSON.stringify({ perCommit, start, invite, join })}`);
    const joined = performance.now();
    const joinedCpu = (await cpuSecondsOf([fresh.pid])) ?? 0;
    await untilHistoryIsHere(fresh);
    const history = await figuresSince(fresh, joined, joinedCpu);
    const took = { changes, perCommit, items, start, invite, join, history };
    tell(JSON.stringify(took));
    return took;
  } finally {
    await fresh.down();
    await owner.down();
  }
}

async function figuresSince({ pid }: SatchelMachine, began: number, cpuBefore: number): Promise<ProcessFigures> {
  return {
    seconds: (performance.now() - began) / 1_000,
    cpu: ((await cpuSecondsOf([pid])) ?? 0) - cpuBefore,
    peakMegabytes: Math.round((await peakMegabytes(pid)) ?? 0),
  };
}

async function growLog(machine: SatchelMachine, log: Pick<FreshMachineOptions, 'changes' | 'perCommit' | 'items'>): Promise<void> {
  const home = nodeHome(path.join(machine.home, '.satchel'));
  const [random, clock, wrapping, compression] = [createSystemRandom(), createSystemClock(), createAgeKeyWrapping(), createZstd()];
  const store = await createSqliteStore({ path: home.store, checksNesting: false });
  const objects = createFolderObjects({ path: home.objects, random });
  const remote = createLocalRemote({ store, objects, clock, address: 'bench:' });
  try {
    const [space, ...others] = await store.read((tx) => tx.logs.spaces());
    if (space === undefined || others.length > 0) throw new Error('the machine does not have its personal space alone');
    const identity = await loadMachineIdentity(home, { random, wrapping });
    const kinds = createKindRegistry();
    const replica = await Replica.open(
      { store, objects, kinds, compression, random, clock, wrapping, machine: identity, log: () => undefined },
      space,
    );
    const { changes, perCommit, items } = log;
    // Else bodies would take most of the time, and it is the log that is to be long.
    const maker = await createCommitMaker(replica, { items, changes: perCommit, perObject: perCommit === 1 ? 20 : 1 });
    const perSegment = Math.max(1, Math.floor(SEGMENT / perCommit));
    for (let commits = Math.ceil(changes / perCommit); commits > 0; commits -= perSegment) {
      const before = maker.head;
      const segment = await maker.next(Math.min(commits, perSegment));
      const outcome = await remote.append(space, before, segment);
      if (outcome.type !== 'appended') throw new Error(`nobody else writes here, and yet: ${outcome.type}`);
    }
  } finally {
    await remote.close();
    await objects.close();
    await store.close();
  }
}

/** Looks into its store beside it. */
async function untilHistoryIsHere({ home }: SatchelMachine): Promise<void> {
  const database = new Database(path.join(home, '.satchel', 'store.db'), { readonly: true });
  const waiting = database.prepare('select count(*) from documents where collection = ?').pluck();
  try {
    while (waiting.get(BACKFILLS) !== 0) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  } finally {
    database.close();
  }
}
