import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { SatchelNode } from '../../src/node/node.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { Machine, makeRoot, until } from '../e2e/machine.ts';
import { MemDatabase, type MemSchema } from '../sources/mem-database.ts';
import { MemWriter } from './mem-writer.ts';
import { journalProblems } from './mem-journal.ts';

export interface MemKillRun {
  readonly program: string;
  readonly rounds: number;
  readonly seed: string;
  readonly schemas: readonly MemSchema[];
  /** Pause between two transactions of a writer, at most, ms. */
  readonly pauseMs: number;
}

interface Status {
  readonly spaces: readonly { readonly drafts: number; readonly words: string }[];
}

/** Rows that all have before they sync, and as many more that each has alone. */
const FILL = 100;
/** Before a kill and after a start a node may not have seen what was done: that long, or as long as the start took, where the machine is busy. */
const AROUND_MS = 1_000;

/** Transactions of each writer a round: by the clock they would be the more the slower a machine is, and it the slower the more they are. */
const PACE = 2;

/**
 * A hub, and machines with a database of claude-mem each, in which a process writes all the while as its worker does. In each round a node,
 * or the hub, is killed with SIGKILL and started again. In the end all have the same rows as far as their releases hold them, of which none
 * was lost, doubled or came back; SQLite finds nothing wrong, and no writer ever found its database busy.
 */
export async function killBesideWriters({
  program,
  rounds,
  seed,
  schemas,
  pauseMs,
}: MemKillRun): Promise<{ readonly deeds: number; readonly rows: number; readonly longest: number }> {
  const { root, remove } = makeRoot();
  const random = createSeededRandom(seed);
  const hub = new Machine(root, 'hub', program);
  const machines = schemas.map((schema, index) => new Machine(root, `m${index}-${schema}`, program));
  const databases = machines.map((machine, index) => {
    const folder = path.join(machine.home, '.claude-mem');
    mkdirSync(folder);
    return new MemDatabase(path.join(folder, 'claude-mem.db'), schemas[index] as MemSchema);
  });
  const writers = databases.map(({ file }) => new MemWriter(file, 1 + random.below(1_000_000), pauseMs, FILL));
  try {
    await hub.start(['up', '--hub', '--port', '0']);
    const { address } = await hub.ask<{ address: string }>(['status']);
    await joinAll(hub, machines);
    await quiet(machines, databases);
    const starts = new Map<Machine, readonly string[]>([[hub, ['up', '--hub', '--port', new URL(address).port]]]);
    const away = new Map(machines.map((machine) => [machine, [] as [number, number][]]));
    for (let round = 0; round < rounds && writers.every(({ failures }) => failures.length === 0); round += 1) {
      for (const writer of writers) writer.allow(PACE);
      await sleep(random.below(500));
      const victim = [hub, ...machines][random.below(machines.length + 1)] as Machine;
      const killedAt = Date.now();
      await victim.stop('SIGKILL');
      if (random.chance(0.3)) await sleep(random.below(500));
      const startedAt = Date.now();
      await victim.start(starts.get(victim) ?? ['up', '--port', '0']);
      const around = Math.max(AROUND_MS, Date.now() - startedAt);
      away.get(victim)?.push([killedAt - around, Date.now() + around]);
    }
    await Promise.all(writers.map((writer) => writer.stop()));
    expect(writers.flatMap(({ failures }) => failures)).toEqual([]);
    await quiet(machines, databases);
    await Promise.all(machines.map((machine) => machine.stop()));
    const conflicts = (await Promise.all(machines.map(openConflicts))).join('');
    const [first] = databases as [MemDatabase, ...MemDatabase[]];
    for (const database of databases) {
      database.check();
      for (const other of databases) expect(differences(database, other)).toEqual([]);
      const journals = writers.map(({ journal }, index) => ({ journal, away: away.get(machines[index] as Machine) ?? [] }));
      expect(journalProblems(journals, database, conflicts)).toEqual([]);
    }
    return {
      deeds: writers.reduce((sum, { journal }) => sum + journal.length, 0),
      rows: first.get<number>('SELECT count(*) FROM observations'),
      longest: Math.max(...writers.map(({ longest }) => longest)),
    };
  } finally {
    for (const writer of writers) writer.kill();
    await Promise.all([hub, ...machines].map((machine) => machine.kill()));
    for (const database of databases) database.close();
    remove();
  }
}

async function joinAll(hub: Machine, machines: readonly Machine[]): Promise<void> {
  const [first, ...others] = machines as [Machine, ...Machine[]];
  const { link } = await hub.ask<{ link: string }>(['invite']);
  await first.start(['join', link, '--name', first.name]);
  for (const other of others) {
    const invitation = await first.ask<{ link: string }>(['invite']);
    await other.start(['join', invitation.link, '--name', other.name]);
  }
}

/** The bodies of open conflicts that this machine has. */
async function openConflicts(machine: Machine): Promise<string> {
  const environment = readEnvironment({ HOME: machine.home });
  const config = environment.ok ? await loadConfig(environment.value) : environment;
  if (!config.ok) throw new Error('the configuration does not load');
  const node = await SatchelNode.open(config.value, { version: '0' });
  try {
    let text = '';
    for (const { replica } of node.spaces.values()) {
      for (const { content } of await replica.siblings()) {
        const body = content === null ? null : await replica.bodies.read(content).catch(() => null); // the machine that wrote it has it
        text += body === null ? '' : Buffer.from(body).toString();
      }
    }
    return text;
  } finally {
    await node.close();
  }
}

/** Rows that one has and the other does not, and could. */
function differences(a: MemDatabase, b: MemDatabase): string[] {
  const [ours, theirs] = [a.rows(b), b.rows(a)];
  return Object.entries(ours).flatMap(([table, rows]) => {
    const others = new Set(theirs[table]);
    return rows.filter((row) => !others.has(row)).map((row) => `${a.schema} has in ${table}, and ${b.schema} has not: ${row}`);
  });
}

/** Until nothing moves any more, and a sync more changes nothing. */
async function quiet(machines: readonly Machine[], databases: readonly MemDatabase[]): Promise<void> {
  const [first] = databases as [MemDatabase, ...MemDatabase[]];
  const states = (): Promise<Status[]> => Promise.all(machines.map((machine) => machine.ask<Status>(['status'])));
  const words = async (): Promise<string> => JSON.stringify((await states()).map(({ spaces }) => spaces.map((space) => space.words)));
  await until('all databases are equal, and all is sent', async () => {
    for (const machine of machines) {
      // What was deleted while a node was away for long may be most of a table that is young: it asks, and was meant.
      await machine.run(['approve', '--all']);
      await machine.run(['sync']);
    }
    const isSent = (await states()).every(({ spaces }) => spaces[0]?.drafts === 0);
    return isSent && databases.every((each) => differences(each, first).length + differences(first, each).length === 0);
  }).catch(() => undefined); // what differs is shown by what is expected next
  const before = await words();
  for (const machine of machines) await machine.run(['sync']);
  expect(await words()).toEqual(before);
}
