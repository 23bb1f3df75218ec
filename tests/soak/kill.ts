import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { SatchelNode } from '../../src/node/node.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { Machine, makeRoot, until } from '../e2e/machine.ts';

export interface KillRun {
  readonly program: string;
  readonly kills: number;
  readonly seed: string;
}

const NAMES = ['CLAUDE.md', 'rules/a.md', 'rules/deep/b.md', 'plans/p.md', 'keybindings.json', 'themes/t.json'];

/**
 * A hub and three machines whose files are written all the while; every few hundred milliseconds one of the four
 * processes is killed with SIGKILL and started again. What a machine said to have captured must be somewhere in the
 * history of every machine in the end, and all trees must be equal. Prints the seed; the timing is the machine's.
 */
export async function killAtRandom({
  program,
  kills,
  seed,
}: KillRun): Promise<{ readonly acknowledged: number; readonly records: number }> {
  const { root, remove } = makeRoot();
  const random = createSeededRandom(seed);
  const hub = new Machine(root, 'hub', program);
  const machines = ['ana', 'bea', 'cem'].map((name) => new Machine(root, name, program));
  const acknowledged = new Set<string>();
  let isRunning = true;
  const writers: Promise<void>[] = [];
  try {
    await hub.start(['up', '--hub', '--port', '0']);
    const { address } = await hub.ask<{ address: string }>(['status']);
    const port = new URL(address).port;
    await joinAll(hub, machines);
    for (const machine of machines) writers.push(write(machine, random, acknowledged, () => isRunning));
    const writing = Promise.all(writers);
    const starts = new Map<Machine, readonly string[]>([[hub, ['up', '--hub', '--port', port]]]);
    for (let kill = 0; kill < kills; kill++) {
      await Promise.race([sleep(100 + random.below(400)), writing]); // what fails there is said at once
      const victim = [hub, ...machines][random.below(4)] as Machine;
      await victim.stop('SIGKILL');
      if (random.chance(0.3)) await sleep(random.below(500));
      await victim.start(starts.get(victim) ?? ['up', '--port', '0']);
    }
    isRunning = false;
    await writing;
    await quiet(machines);
    for (const machine of machines) await machine.stop();
    await hub.stop();
    const records = await checkHistories(machines, acknowledged);
    return { acknowledged: acknowledged.size, records };
  } finally {
    isRunning = false;
    await Promise.allSettled(writers);
    await Promise.all([hub, ...machines].map((m) => m.stop('SIGKILL')));
    remove();
  }
}

async function joinAll(hub: Machine, machines: readonly Machine[]): Promise<void> {
  const [first, ...others] = machines as [Machine, ...Machine[]];
  first.write('CLAUDE.md', 'base\n');
  const { link } = await hub.ask<{ link: string }>(['invite']);
  await first.start(['join', link, '--name', first.name]);
  for (const other of others) {
    const invitation = await first.ask<{ link: string }>(['invite']);
    await other.start(['join', invitation.link, '--name', other.name]);
  }
}

/** Writes as a person and an agent would, and now and then has everything captured and notes what that was. */
async function write(
  machine: Machine,
  random: ReturnType<typeof createSeededRandom>,
  acknowledged: Set<string>,
  goesOn: () => boolean,
): Promise<void> {
  for (let turn = 0; goesOn(); turn++) {
    await sleep(20 + random.below(80));
    const name = NAMES[random.below(NAMES.length)] as string;
    const body = machine.read(name);
    if (random.chance(0.05)) rmSync(path.join(machine.claude, name), { force: true });
    else if (name.endsWith('.json'))
      machine.write(name, `${JSON.stringify({ ...parse(body), [`${machine.name}${random.below(20)}`]: turn }, null, 2)}\n`);
    else if (random.chance(0.7)) machine.write(name, `${body ?? ''}${machine.name} ${turn}\n`);
    else
      machine.write(
        name,
        (body ?? '')
          .split('\n')
          .map((line) => (random.chance(0.1) ? `${line} ${machine.name}${turn}` : line))
          .join('\n'),
      );
    if (turn % 20 === 19) await acknowledge(machine, acknowledged);
  }
}

async function acknowledge(machine: Machine, acknowledged: Set<string>): Promise<void> {
  const before = tree(machine);
  const { code, stdout } = await machine.run(['sync', '--json']).catch(() => ({ code: null, stdout: '' }));
  if (code !== 0 && code !== 3) return; // killed meanwhile, or the hub was: nothing was promised
  // A source may hold back and say so: a home whose only known file went while nobody watched looks like another one.
  const { spaces } = JSON.parse(stdout) as { readonly spaces: readonly { readonly pending: number }[] };
  if (spaces.some(({ pending }) => pending > 0)) return;
  for (const [name, body] of before) if (tree(machine).get(name) === body) acknowledged.add(`${name}\0${body}`);
}

function parse(body: string | null): object {
  try {
    return JSON.parse(body ?? '{}') as object;
  } catch {
    return {};
  }
}

/** The files as they are now; what goes away meanwhile is not there. */
function tree(machine: Machine, isWanted = (name: string): boolean => !name.includes('.satchel-tmp-')): Map<string, string> {
  mkdirSync(machine.claude, { recursive: true });
  const names = machine.files().filter(isWanted).toSorted();
  return new Map(
    names.flatMap((name): [string, string][] => {
      const body = machine.read(name);
      return body === null ? [] : [[name, body]];
    }),
  );
}

async function quiet(machines: readonly Machine[]): Promise<void> {
  for (const machine of machines) for (let round = 0; round < 3; round++) await machine.run(['sync']);
  await until('all trees are equal and all is sent', async () => {
    const states = await Promise.all(machines.map((m) => m.ask<{ spaces: readonly { drafts: number; words: string }[] }>(['status'])));
    const trees = new Set(machines.map((m) => JSON.stringify([...tree(m)])));
    return trees.size === 1 && states.every(({ spaces }) => spaces[0]?.drafts === 0 && spaces[0].words === states[0]?.spaces[0]?.words);
  });
}

/** Opens each machine's store as its node would, and looks for every acknowledged body. */
async function checkHistories(machines: readonly Machine[], acknowledged: ReadonlySet<string>): Promise<number> {
  let records = 0;
  // Bodies that a machine never applied are at the hub, which is stopped: they are on the machine that wrote them.
  const found = new Set<string>();
  for (const machine of machines) {
    expect([...tree(machine, (name) => name.includes('.satchel-tmp-')).keys()]).toEqual([]);
    const environment = readEnvironment({ HOME: machine.home });
    const config = environment.ok ? await loadConfig(environment.value) : environment;
    if (!config.ok) throw new Error('the configuration does not load');
    const node = await SatchelNode.open(config.value, { version: '0' });
    const [open] = [...node.spaces.values()];
    if (open === undefined) throw new Error(`${machine.name} has no space`);
    const entries = await node.store.read((tx) => tx.items.historyByPosition(open.entry.space, { limit: 1_000_000 }));
    for (const entry of entries) {
      if (entry.content === null) continue;
      const body = await open.replica.bodies.read(entry.content).catch(() => null);
      if (body !== null) found.add(`${entry.item.name}\0${Buffer.from(body).toString()}`);
    }
    expect(open.replica.drafts).toEqual([]);
    records = open.replica.position;
    await node.close();
  }
  expect([...acknowledged].filter((body) => !found.has(body))).toEqual([]);
  return records;
}
