import { expect, it, vi } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import { row } from '../gateways/claude-mem-ops.ts';
import { extent } from '../setup/extent.ts';
import { freePort } from '../setup/free-port.ts';
import { PATIENCE } from '../setup/patience.ts';
import { connect, mem, runWorker, titles } from './claude-mem-two-machines.ts';
import { databaseCells, feedCells, inSpace, ROWS, settle, sleep, spaceCells, Words, type Seen } from './mem-words.ts';
import { ask, Place } from './place.ts';

/**
 * Two writers of the same rows, back and forth at random, each offline now and then, and nodes that are stopped. What each knew when it wrote is
 * noted, so that no word is lost (mem-words.ts). Most of the time they wait: many seeds run side by side.
 */
const MACHINES = ['ana', 'bea'] as const;
type Machine = (typeof MACHINES)[number];
const ROUNDS = extent(12, 50);
const SEEDS = Array.from({ length: extent(4, 24) }, (_, at) => String(at + 1));

/** Two machines of one person, of which any may be stopped, and started again at its port. */
class TwoNodes {
  readonly place: Place;
  readonly #ports: Readonly<Record<Machine, number>>;
  readonly #nodes: Record<Machine, SatchelNode>;

  private constructor(place: Place, ports: Readonly<Record<Machine, number>>, nodes: Record<Machine, SatchelNode>) {
    [this.place, this.#ports, this.#nodes] = [place, ports, nodes];
  }

  static async start(place: Place): Promise<TwoNodes> {
    const ports = { ana: await freePort(), bea: await freePort() };
    const ana = await place.start('ana', { port: ports.ana });
    const joining = await place.start('bea', { live: false });
    await ask(joining, 'join', { link: (await ask(ana, 'invite', {})).link, name: 'bea' });
    await place.stop('bea');
    return new TwoNodes(place, ports, { ana, bea: await place.start('bea', { port: ports.bea }) });
  }

  get ana(): SatchelNode {
    return this.#nodes.ana;
  }

  get bea(): SatchelNode {
    return this.#nodes.bea;
  }

  async restart(machine: Machine, meanwhile: () => Promise<void>): Promise<void> {
    await this.place.stop(machine);
    await meanwhile();
    this.#nodes[machine] = await this.place.start(machine, { port: this.#ports[machine] });
  }
}

async function clientOf(node: SatchelNode, device: string): Promise<SyncClient> {
  const { token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: device });
  return createSyncClient({ url, token, user: 'me', device });
}

/** A device that has the rows as its own, whose client passes over what is served under its own id: it has what it said last. */
class Device {
  readonly client: SyncClient;
  readonly #firstNumber: number;
  readonly #held = new Map<number, Record<string, unknown>>();
  #unsent: ReturnType<typeof row>[] = [];
  #revision = 0;

  /** It numbers the rows from `firstNumber` on, and says of each that it is there. */
  constructor(client: SyncClient, firstNumber: number) {
    [this.client, this.#firstNumber] = [client, firstNumber];
    for (const made of ROWS) this.#say(made, { title: `row ${made}`, created_at_epoch: String(made) });
  }

  write(words: Words): void {
    const edit = words.next(this.client.device, (made, column) => this.#held.get(made)?.[column] ?? null);
    if (edit !== null) this.#say(edit.made, { [edit.column]: edit.word });
  }

  async push(): Promise<void> {
    const ops = this.#unsent.splice(0);
    if (ops.length > 0) expect((await this.client.push(ops)).status).toBe(200);
  }

  #say(made: number, cells: Record<string, unknown>): void {
    const payload = { ...this.#held.get(made), ...cells };
    this.#held.set(made, payload);
    this.#revision += 1;
    const local = String(ROWS.indexOf(made) + this.#firstNumber);
    this.#unsent.push(row(this.client.device, { local, rev: String(this.#revision), payload }));
  }
}

interface Run {
  readonly place: Place;
  readonly random: ReturnType<typeof createSeededRandom>;
  readonly words: Words;
}

/** A place of its own for each seed. */
function ofSeeds(what: string, run: (of: Run) => Promise<void>): void {
  it.concurrent.each(SEEDS)(`${what}, no word is lost (%s)`, async (seed) => {
    const random = createSeededRandom(`${what} ${seed}`);
    const place = await Place.create();
    try {
      await run({ place, random, words: new Words(random) });
    } finally {
      await place.dispose();
    }
  });
}

ofSeeds('of two devices that each have the rows as their own, at two gateways', async ({ place, random, words }) => {
  const nodes = await TwoNodes.start(place);
  const ana = new Device(await clientOf(nodes.ana, 'device-ana'), 1);
  await ana.push();
  await vi.waitFor(async () => expect(Object.keys(await inSpace(nodes.bea))).toHaveLength(ROWS.length), PATIENCE);
  const bea = new Device(await clientOf(nodes.bea, 'device-bea'), 11);
  await bea.push();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const device of [ana, bea]) {
      for (let edits = random.below(3); edits > 0; edits -= 1) device.write(words);
      if (random.chance(0.6)) await device.push();
    }
    if (random.chance(0.12)) await nodes.restart(MACHINES[random.below(2)]!, () => sleep(random.below(500)));
    else await sleep(random.below(700));
  }
  for (const device of [ana, bea]) await device.push();
  const watchers = await Promise.all(MACHINES.map((machine) => clientOf(nodes[machine], 'device-watch')));
  await settle(() => Promise.all([...MACHINES.map((machine) => spaceCells(nodes[machine])), ...watchers.map(feedCells)]));
  await words.expectAll(nodes.ana);
});

ofSeeds('of two devices that were copied from one another, at one gateway', async ({ place, random, words }) => {
  const port = await freePort();
  let node = await place.start('ana', { port });
  const devices = [new Device(await clientOf(node, 'device-1'), 1), new Device(await clientOf(node, 'device-2'), 11)];
  for (const device of devices) await device.push();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const device of devices) {
      for (let edits = random.below(3); edits > 0; edits -= 1) device.write(words);
      if (random.chance(0.6)) await device.push();
    }
    if (random.chance(0.12)) {
      await place.stop('ana');
      await sleep(random.below(100));
      node = await place.start('ana', { port });
    } else await sleep(random.below(400));
  }
  for (const device of devices) await device.push();
  const watcher = await clientOf(node, 'device-watch');
  await settle(() => Promise.all([spaceCells(node), feedCells(watcher)]));
  await words.expectAll(node);
});

ofSeeds('of a worker that syncs through its node, and a database that a source carries', async ({ place, random, words }) => {
  const databases = { ana: await mem(place, 'ana'), bea: await mem(place, 'bea') };
  try {
    databases.bea.session('s1');
    for (const made of ROWS) databases.bea.observation('s1', `row ${made}`, { created_at_epoch: made });
    const nodes = await TwoNodes.start(place);
    const worker = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', nodes.bea)), databases.bea);
    await worker.pull();
    await worker.push();
    await vi.waitFor(() => expect(titles(databases.ana)).toHaveLength(ROWS.length), PATIENCE);
    await words.learn(nodes.ana);

    const write = (machine: Machine): void => {
      const database = databases[machine];
      const seen: Seen = (made, column) => database.get(`select ${column} from observations where created_at_epoch = ?`, made);
      if (machine === 'ana' && random.chance(0.05)) {
        database.run('delete from observations where created_at_epoch = ?', words.remove(seen));
        return;
      }
      const edit = words.next(machine, seen);
      if (edit === null) return;
      const { made, column, word } = edit;
      database.run(`update observations set ${column} = ? where created_at_epoch = ?`, word, made);
      if (machine === 'ana') return;
      const next = String(BigInt(seen(made, 'sync_rev') as string) + 1n);
      database.run('update observations set sync_rev = ?, synced_at = null where created_at_epoch = ?', next, made);
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const machine of MACHINES) for (let edits = random.below(3); edits > 0; edits -= 1) write(machine);
      if (random.chance(0.5)) await worker.push();
      if (random.chance(0.3)) await worker.pull();
      if (random.chance(0.12)) {
        await nodes.restart(MACHINES[random.below(2)]!, async () => {
          if (random.chance(0.5)) write(MACHINES[random.below(2)]!);
          await sleep(random.below(500));
        });
      } else await sleep(random.below(1_500));
    }
    const watcher = await clientOf(nodes.bea, 'device-watch');
    await settle(async () => {
      await worker.push();
      await worker.pull();
      const there = MACHINES.map((machine) => databaseCells(databases[machine]));
      return [...there, ...(await Promise.all([...MACHINES.map((machine) => spaceCells(nodes[machine])), feedCells(watcher)]))];
    });
    await words.expectAll(nodes.ana);
    expect(databases.bea.get('select count(*) - count(distinct created_at_epoch) from observations')).toBe(0);
  } finally {
    for (const each of Object.values(databases)) each.close();
  }
});
