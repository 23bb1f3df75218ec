import { afterEach, beforeEach, expect, it } from 'vitest';
import { decodeRow, type Row } from '../../src/kinds/rows/row-body.ts';
import type { Content } from '../../src/core/content.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { freePort } from '../claude-mem/real-worker.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import { row } from '../gateways/claude-mem-ops.ts';
import { extent } from '../setup/extent.ts';
import { PATIENCE } from '../setup/patience.ts';
import { connect, mem, runWorker, titles } from './claude-mem-two-machines.ts';
import { ask, Place } from './place.ts';

/**
 * Two writers of the same rows, back and forth at random, each offline now and then, and nodes that are stopped. What each knew when it wrote is
 * noted: so it is known which words were overwritten by somebody who had seen them, and which must stand in the row or in a conflict.
 */
let place: Place;
let ports: Record<'ana' | 'bea', number>;
let nodes: Record<'ana' | 'bea', SatchelNode>;
const MACHINES = ['ana', 'bea'] as const;
/** When each row was made: by nothing else it is the same all along. */
const ROWS = [1_760_000_000_001, 1_760_000_000_002, 1_760_000_000_003];
const COLUMNS = ['subtitle', 'text', 'title'];
/** Of those, what no row is known by. */
const OTHER_COLUMNS = ['subtitle', 'text'];
const ROUNDS = extent(12, 50);
const seeds = extent(['1', '2'], ['1', '2', '3', '4', '5', '6']);

beforeEach(async () => {
  place = await Place.create();
  ports = { ana: await freePort(), bea: await freePort() };
});
afterEach(() => place.dispose());

async function startBoth(): Promise<void> {
  const ana = await place.start('ana', { port: ports.ana });
  const joining = await place.start('bea', { live: false });
  await ask(joining, 'join', { link: (await ask(ana, 'invite', {})).link, name: 'bea' });
  await place.stop('bea');
  nodes = { ana, bea: await place.start('bea', { port: ports.bea }) };
}

async function restart(machine: 'ana' | 'bea', meanwhile: () => Promise<void>): Promise<void> {
  await place.stop(machine);
  await meanwhile();
  nodes[machine] = await place.start(machine, { port: ports[machine] });
}

/** What was written into the cells of rows, and what each word was written over. */
class Words {
  readonly #written = new Map<string, { readonly word: string; readonly over: unknown }[]>();
  #count = 0;

  write(made: number, column: string, by: string, over: unknown): string {
    this.#count += 1;
    const word = `${by} ${this.#count}`;
    const cell = `${made} ${column}`;
    this.#written.set(cell, [...(this.#written.get(cell) ?? []), { word, over }]);
    return word;
  }

  /** Those of a cell that nobody has overwritten knowingly. */
  standing(made: number, column: string): string[] {
    const written = this.#written.get(`${made} ${column}`) ?? [];
    const over = new Set(written.map((each) => each.over));
    return written.map(({ word }) => word).filter((word) => !over.has(word));
  }
}

const replicaOf = (node: SatchelNode) => [...node.spaces.values()][0]!.replica;

async function rowIn(node: SatchelNode, content: Content | null): Promise<Row | null> {
  const decoded = content === null ? null : decodeRow(await replicaOf(node).bodies.read(content));
  return decoded?.ok === true ? decoded.value : null;
}

/** Observations of a space by when they were made, each with the states that a conflict keeps beside it. */
async function inSpace(node: SatchelNode): Promise<Record<string, { readonly row: Row; readonly beside: readonly Row[] }>> {
  const replica = replicaOf(node);
  const states = await replica.exclusive(() => replica.list({ kind: 'claude-mem', prefix: 'claude-mem/observations/' }));
  const found: Record<string, { row: Row; beside: Row[] }> = {};
  for (const { item, content } of states) {
    const there = await rowIn(node, content);
    if (there === null) continue;
    const made = String(there.get('created_at_epoch'));
    expect(found[made], `${made} is there twice`).toBeUndefined();
    const beside = await Promise.all((await replica.siblings(item)).map((sibling) => rowIn(node, sibling.content)));
    found[made] = { row: there, beside: beside.filter((each) => each !== null) };
  }
  return found;
}

const cellsOf = (cells: (column: string) => unknown): unknown[] => COLUMNS.map((column) => cells(column) ?? null);

async function spaceCells(node: SatchelNode): Promise<Record<string, unknown[]>> {
  return Object.fromEntries(Object.entries(await inSpace(node)).map(([made, { row: there }]) => [made, cellsOf((c) => there.get(c))]));
}

/** What a client that applies the feed holds, its own device's rows too. */
async function feedCells(client: SyncClient): Promise<Record<string, unknown[]>> {
  const newest = new Map<string, { revision: bigint; hash: string; payload: Record<string, unknown> | null }>();
  let [since, expected] = ['0', 1n];
  for (;;) {
    const ops = (await client.changes(since)).body['ops'] as { seq: string; body: string; operation_sha256: string }[];
    for (const { seq, body, operation_sha256: hash } of ops) {
      expect(BigInt(seq)).toBe(expected++);
      const says = JSON.parse(body) as { id: string; kind: string; entity_rev: string; payload: Record<string, unknown> | null };
      if (says.kind !== 'observation') continue;
      const before = newest.get(says.id);
      const revision = BigInt(says.entity_rev);
      if (before?.revision === revision) expect(hash).toBe(before.hash);
      if (before === undefined || before.revision < revision) newest.set(says.id, { revision, hash, payload: says.payload });
    }
    const last = ops.at(-1);
    if (last === undefined) break;
    since = last.seq;
  }
  const live = [...newest.values()].flatMap(({ payload }) => (payload === null ? [] : [payload]));
  const told = live.map((payload) => [payload['created_at_epoch'] as string, cellsOf((column) => payload[column])] as const);
  // A row that stands twice is no row that is the same.
  return Object.fromEntries([...told, ...(new Map(told).size === told.length ? [] : [['twice', live.length]])]) as Record<
    string,
    unknown[]
  >;
}

/** Every word that nobody overwrote knowingly stands in its row, or beside it in a conflict. */
async function expectAllWords(words: Words): Promise<void> {
  const space = await inSpace(nodes.ana);
  const lost: string[] = [];
  for (const made of ROWS) {
    for (const column of COLUMNS) {
      const { row: there, beside } = space[made]!;
      const kept = new Set(beside.map((each) => each.get(column)));
      const standing = words.standing(made, column);
      for (const word of standing) if (there.get(column) !== word && !kept.has(word)) lost.push(`${column} of ${made} lost ${word}`);
    }
  }
  expect(lost).toEqual([]);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Until all of these are the same for a while. */
async function settle(look: () => Promise<readonly unknown[]>): Promise<void> {
  const isSame = async (): Promise<unknown> => {
    const [first, ...others] = (await look()).map((each) => JSON.stringify(sorted(each)));
    return others.every((each) => each === first) ? null : [first, ...others];
  };
  for (let calm = 0; calm < 3;) {
    await expect.poll(isSame, { ...PATIENCE, interval: 250 }).toBeNull();
    const before = JSON.stringify((await look()).map(sorted));
    await sleep(700);
    calm = JSON.stringify((await look()).map(sorted)) === before ? calm + 1 : 0;
  }
}

const sorted = (of: unknown): unknown => Object.fromEntries(Object.entries(of as object).sort(([a], [b]) => (a < b ? -1 : 1)));

async function clientOf(node: SatchelNode, device: string): Promise<SyncClient> {
  const { token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: device });
  return createSyncClient({ url, token, user: 'me', device });
}

it.each(seeds)('of two devices that each have the rows as their own, at two gateways, no word is lost (%s)', async (seed) => {
  const random = createSeededRandom(`two devices ${seed}`);
  const words = new Words();
  await startBoth();
  const clients = { ana: await clientOf(nodes.ana, 'device-ana'), bea: await clientOf(nodes.bea, 'device-bea') };
  const held = { ana: new Map<number, Record<string, unknown>>(), bea: new Map<number, Record<string, unknown>>() };
  const revisions = { ana: new Map<number, number>(), bea: new Map<number, number>() };
  const unsent: Record<'ana' | 'bea', ReturnType<typeof row>[]> = { ana: [], bea: [] };
  /** Its client passes over what is served under its own id: it has what it said last. */
  const say = (machine: 'ana' | 'bea', made: number, cells: Record<string, unknown>): void => {
    const payload = { title: `row ${made}`, created_at_epoch: String(made), ...held[machine].get(made), ...cells };
    const rev = (revisions[machine].get(made) ?? 0) + 1;
    held[machine].set(made, payload);
    revisions[machine].set(made, rev);
    const local = String(ROWS.indexOf(made) + (machine === 'ana' ? 1 : 11));
    unsent[machine].push(row(`device-${machine}`, { local, rev: String(rev), payload }));
  };
  const push = async (machine: 'ana' | 'bea'): Promise<void> => {
    const ops = unsent[machine].splice(0);
    if (ops.length > 0) expect((await clients[machine].push(ops)).status).toBe(200);
  };
  for (const made of ROWS) say('ana', made, {});
  await push('ana');
  await expect.poll(async () => Object.keys(await inSpace(nodes.bea))).toHaveLength(ROWS.length);
  for (const made of ROWS) say('bea', made, {});
  await push('bea');

  for (let round = 0; round < ROUNDS; round += 1) {
    for (const machine of MACHINES) {
      for (let edits = random.below(3); edits > 0; edits -= 1) {
        const made = ROWS[random.below(ROWS.length)]!;
        const column = COLUMNS[random.below(COLUMNS.length)]!;
        const over = held[machine].get(made)?.[column] ?? null;
        say(machine, made, { [column]: words.write(made, column, machine, over) });
      }
      if (random.chance(0.6)) await push(machine);
    }
    if (random.chance(0.12)) await restart(MACHINES[random.below(2)]!, () => sleep(random.below(500)));
    else await sleep(random.below(700));
  }
  for (const machine of MACHINES) await push(machine);
  const watchers = await Promise.all(MACHINES.map((machine) => clientOf(nodes[machine], 'device-watch')));
  await settle(async () => [
    ...(await Promise.all(MACHINES.map((machine) => spaceCells(nodes[machine])))),
    ...(await Promise.all(watchers.map(feedCells))),
  ]);
  await expectAllWords(words);
});

it.each(seeds)('of two devices that were copied from one another, at one gateway, no word is lost (%s)', async (seed) => {
  const random = createSeededRandom(`doubles ${seed}`);
  const words = new Words();
  nodes = { ana: await place.start('ana', { port: ports.ana }), bea: await place.start('bea', { live: false }) };
  const devices = [await clientOf(nodes.ana, 'device-1'), await clientOf(nodes.ana, 'device-2')].map((client, at) => ({
    client,
    held: new Map<number, Record<string, unknown>>(),
    unsent: [] as ReturnType<typeof row>[],
    revision: 0,
    number: (made: number) => String(ROWS.indexOf(made) + 1 + 10 * at),
  }));
  type Device = (typeof devices)[number];
  const say = (of: Device, made: number, cells: Record<string, unknown>): void => {
    const payload = { title: `row ${made}`, created_at_epoch: String(made), ...of.held.get(made), ...cells };
    of.held.set(made, payload);
    of.revision += 1;
    of.unsent.push(row(of.client.device, { local: of.number(made), rev: String(of.revision), payload }));
  };
  const push = async ({ client, unsent }: Device): Promise<void> => {
    const ops = unsent.splice(0);
    if (ops.length > 0) expect((await client.push(ops)).status).toBe(200);
  };
  for (const device of devices) {
    for (const made of ROWS) say(device, made, {});
    await push(device);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const device of devices) {
      for (let edits = random.below(3); edits > 0; edits -= 1) {
        const made = ROWS[random.below(ROWS.length)]!;
        const column = COLUMNS[random.below(COLUMNS.length)]!;
        const over = device.held.get(made)?.[column] ?? null;
        say(device, made, { [column]: words.write(made, column, device.client.device, over) });
      }
      if (random.chance(0.6)) await push(device);
    }
    if (random.chance(0.12)) await restart('ana', () => sleep(random.below(100)));
    else await sleep(random.below(400));
  }
  for (const device of devices) await push(device);
  const watcher = await clientOf(nodes.ana, 'device-watch');
  await settle(async () => [await spaceCells(nodes.ana), await feedCells(watcher)]);
  await expectAllWords(words);
});

it.each(seeds)('of a worker that syncs through its node, and a database that a source carries, no word is lost (%s)', async (seed) => {
  const random = createSeededRandom(`worker and source ${seed}`);
  const words = new Words();
  const databases = { ana: await mem(place, 'ana'), bea: await mem(place, 'bea') };
  try {
    databases.bea.session('s1');
    for (const made of ROWS) databases.bea.observation('s1', `row ${made}`, { created_at_epoch: made });
    await startBoth();
    const worker = new ModelWorker(await runWorker(place, 'bea', await connect(place, 'bea', nodes.bea)), databases.bea);
    await worker.pull();
    await worker.push();
    await expect.poll(() => titles(databases.ana)).toHaveLength(ROWS.length);

    const edit = (machine: 'ana' | 'bea'): void => {
      const made = ROWS[random.below(ROWS.length)]!;
      const column = OTHER_COLUMNS[random.below(OTHER_COLUMNS.length)]!;
      const database = databases[machine];
      const over = database.get(`select ${column} from observations where created_at_epoch = ?`, made);
      const word = words.write(made, column, machine, over);
      database.run(`update observations set ${column} = ? where created_at_epoch = ?`, word, made);
      if (machine === 'ana') return;
      const next = String(BigInt(database.get<string>('select sync_rev from observations where created_at_epoch = ?', made)) + 1n);
      database.run('update observations set sync_rev = ?, synced_at = null where created_at_epoch = ?', next, made);
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const machine of MACHINES) for (let edits = random.below(3); edits > 0; edits -= 1) edit(machine);
      if (random.chance(0.5)) await worker.push();
      if (random.chance(0.3)) await worker.pull();
      if (random.chance(0.12)) {
        await restart(MACHINES[random.below(2)]!, async () => {
          if (random.chance(0.5)) edit(MACHINES[random.below(2)]!);
          await sleep(random.below(500));
        });
      } else await sleep(random.below(1_500));
    }
    const watchers = await Promise.all(MACHINES.map((machine) => clientOf(nodes[machine], 'device-watch')));
    await watchers[0]?.changes();
    const databaseCells = (of: 'ana' | 'bea'): Record<string, unknown[]> =>
      Object.fromEntries(
        (databases[of].sql.prepare(`select created_at_epoch, ${COLUMNS.join()} from observations`).raw().all() as unknown[][]).map(
          ([made, ...cells]) => [String(made), cells],
        ),
      );
    await settle(async () => {
      await worker.push();
      await worker.pull();
      return [
        ...MACHINES.map(databaseCells),
        ...(await Promise.all(MACHINES.map((machine) => spaceCells(nodes[machine])))),
        await feedCells(watchers[1]!),
      ];
    });
    await expectAllWords(words);
    expect(databases.bea.get('select count(*) from observations')).toBe(ROWS.length);
  } finally {
    for (const each of Object.values(databases)) each.close();
  }
});
