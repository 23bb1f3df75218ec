import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect } from 'vitest';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { hexToBytes, type MachineId, type SpaceId } from '../../src/core/ids.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import { BodyUnavailable } from '../../src/core/replica/workspace.ts';
import { ACCOUNTS } from '../../src/node/log-authority.ts';
import { SpaceRunner } from '../../src/node/space-runner.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { createHubRemote } from '../../src/remotes/hub/hub-remote.ts';
import { openPostgres } from '../../src/store/postgres/postgres-database.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestMachine, followSpace, foundSpace } from '../doubles/machine.ts';
import type { Fault, S3Double } from '../doubles/s3-double.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { startBalancer, type Balancer } from '../e2e/balancer.ts';
import { Machine, makeRoot, until } from '../e2e/machine.ts';
import { SmallMachine } from '../replica/small-space.ts';
import { textItem } from '../replica/home.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { startShakyStore, type ShakyStore } from './shaky-store.ts';

export interface HubsRun {
  readonly program: string;
  readonly machines: number;
  readonly spaces: number;
  readonly seconds: number;
  readonly seed: string;
}

export interface HubsReport {
  readonly acknowledged: number;
  readonly records: number;
  readonly kills: number;
  /** Requests to the object store that went wrong, and how. */
  readonly faults: ReadonlyMap<Fault, number>;
}

const HUBS = 3;
const clock = createSystemClock();
const log = pino({ level: 'silent' });

interface Client {
  readonly name: string;
  readonly space: SpaceId;
  readonly small: SmallMachine;
  readonly runner: SpaceRunner;
  /** Bodies that its hub acknowledged, by item. */
  readonly acknowledged: { readonly name: string; readonly body: string }[];
}

/**
 * Three hub processes on one PostgreSQL and one object store behind a balancer, and machines (replicas with the real runner and HTTP
 * client) that write all the while. Every few seconds a hub is killed and started again, or connections to the database are cut, or the
 * object store answers nothing but errors for a while; at all times it errs, breaks off, dawdles or is silent at random, and in the
 * midst the database itself crashes and starts again. In the end every acknowledged body stands in the history that every machine
 * of its space has, no commit stands in a log twice, and what one machine writes reaches all others by itself.
 */
export async function killHubs(run: HubsRun): Promise<HubsReport> {
  const { root, remove } = makeRoot();
  const random = createSeededRandom(run.seed);
  const server = await startPostgres({ isDurable: true });
  const balancer = await startBalancer();
  const shaky = await startShakyStore(createSeededRandom(`${run.seed}/store`));
  const hubs: Machine[] = [];
  const clients: Client[] = [];
  let isRunning = true;
  const working: Promise<void>[] = [];
  try {
    const database = await server.createDatabase();
    for (let n = 0; n < HUBS; n++)
      hubs.push(await startHub(root, run.program, { database, store: shaky.double, balancer, first: hubs[0] }));
    clients.push(...(await joinAll(run, database, balancer, hubs[0] as Machine)));
    shaky.isShaky = true;
    for (const client of clients) client.runner.start();
    for (const client of clients) working.push(write(client, createSeededRandom(`${run.seed}/${client.name}`), () => isRunning));
    const writing = Promise.all(working);
    const kills = await disturb(run, { hubs, balancer, server, database, shaky, random, writing });
    isRunning = false;
    await writing;
    // It stays as it is: what has to arrive does so through its faults.
    const records = await checkAll(clients);
    return { acknowledged: clients.reduce((sum, client) => sum + client.acknowledged.length, 0), records, kills, faults: shaky.counts };
  } finally {
    isRunning = false;
    await Promise.allSettled(working);
    for (const { runner, small } of clients) {
      await runner.stop();
      await small.deps.store.close();
    }
    await Promise.all(hubs.map((hub) => hub.stop('SIGKILL')));
    await balancer.close();
    await shaky.double.close();
    await server.dispose();
    remove();
  }
}

interface HubPlace {
  readonly database: TestDatabase;
  readonly store: S3Double;
  readonly balancer: Balancer;
  /** Whose keys it has; none for the first one. */
  readonly first: Machine | undefined;
}

async function startHub(root: string, program: string, { database, store, balancer, first }: HubPlace): Promise<Machine> {
  const hub = new Machine(root, 'hub', program, {
    SATCHEL_STORE: database.url,
    SATCHEL_STORE_PASSWORD: database.password,
    SATCHEL_OBJECTS: `s3://bucket/hubs?endpoint=${store.endpoint}`,
    AWS_ACCESS_KEY_ID: store.accessKeyId,
    AWS_SECRET_ACCESS_KEY: store.secretAccessKey,
  });
  mkdirSync(hub.store, { mode: 0o700 });
  const config = { hub: true, publicUrl: `http://127.0.0.1:${balancer.port}` };
  writeFileSync(path.join(hub.store, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  if (first !== undefined) cpSync(path.join(first.store, 'keys'), path.join(hub.store, 'keys'), { recursive: true });
  await hub.start(['up', '--port', '0']);
  balancer.targets = [...balancer.targets, portOf(hub)];
  return hub;
}

function portOf(hub: Machine): number {
  const { address } = JSON.parse(readFileSync(path.join(hub.store, 'running.json'), 'utf8')) as { address: string };
  return Number(new URL(address).port);
}

/** Machines of so many spaces, each of which the first of them founded. */
async function joinAll({ machines, spaces, seed }: HubsRun, database: TestDatabase, balancer: Balancer, hub: Machine): Promise<Client[]> {
  const { seed: hubSeed } = JSON.parse(readFileSync(path.join(hub.store, 'keys/machine.json'), 'utf8')) as { seed: string };
  const key = createSigningKey(hexToBytes(hubSeed)).machine;
  const { store, objects } = await openPostgres({ ...database, schema: 'satchel', tls: 'off' }, { clock, random: createSystemRandom() });
  const clients: Client[] = [];
  const owners: SmallMachine[] = [];
  try {
    for (let n = 0; n < machines; n++) {
      const name = `m${n}`;
      const deps = await createTestMachine({
        name,
        seed,
        store: await createSqliteStore({ path: ':memory:', checksNesting: false }),
        objects: createObjectStoreDouble(),
        clock,
      });
      const connect = (): Remote =>
        createHubRemote({ url: `http://127.0.0.1:${balancer.port}`, key, signing: deps.machine.key, clock, random: createSystemRandom() });
      const remote = connect();
      const owner = owners[n % spaces];
      if (owner === undefined) {
        const account = { machine: deps.machine.key.machine, addedAt: 0 };
        await store.write((tx) => tx.documents.put(ACCOUNTS, account.machine, account));
      } else {
        const { key: own, recipient } = deps.machine;
        await addMember(owner.replica, owner.hub, { machine: own.machine, recipient, name, role: 'writer', account: null });
      }
      const replica = owner === undefined ? await foundSpace(deps, remote) : await followSpace(deps, owner.replica.space, remote);
      const small = new SmallMachine(replica, deps, remote);
      if (owner === undefined) owners.push(small);
      const runner = new SpaceRunner({
        replica,
        clock,
        random: createSystemRandom(),
        log,
        openRemote: async () => connect(),
        apply: () => small.apply(),
      });
      clients.push({ name, space: replica.space, small, runner, acknowledged: [] });
    }
  } finally {
    await objects.close();
    await store.close();
  }
  return clients;
}

/** Its own item, and now and then one that others write as well; what a sync sent is acknowledged. */
async function write(
  { name, small, runner, acknowledged }: Client,
  random: ReturnType<typeof createSeededRandom>,
  goesOn: () => boolean,
): Promise<void> {
  for (let turn = 0; goesOn(); turn++) {
    await sleep(200 + random.below(800));
    const wrote = [{ name: `${name}.md`, body: `${name} says ${turn}\n` }];
    if (random.chance(0.2)) wrote.push({ name: `shared-${random.below(3)}.md`, body: `${name} was here in turn ${turn}\n` });
    for (const each of wrote) await small.write(textItem(each.name), each.body);
    try {
      const { divergence } = await runner.syncNow();
      if (divergence !== null) throw new Error(`${name} is shown another log: ${JSON.stringify(divergence)}`);
      // What others wrote as well is merged: only one's own is the same for ever.
      acknowledged.push(wrote[0] as { name: string; body: string });
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error; // not acknowledged: the runner tries again by itself
    }
  }
}

interface Disturbed {
  readonly hubs: readonly Machine[];
  readonly balancer: Balancer;
  readonly server: PostgresServer;
  readonly database: TestDatabase;
  readonly shaky: ShakyStore;
  readonly random: ReturnType<typeof createSeededRandom>;
  /** Rejects with what fails in a writer, which is said at once. */
  readonly writing: Promise<unknown>;
}

/** Kills, cuts and crashes until the time is over; the number of hubs that were killed. */
async function disturb({ seconds }: HubsRun, { hubs, balancer, server, database, shaky, random, writing }: Disturbed): Promise<number> {
  const end = clock.now() + seconds * 1_000;
  let [kills, crashed] = [0, false];
  while (clock.now() < end) {
    await Promise.race([sleep(1_000 + random.below(3_000)), writing]);
    if (!crashed && clock.now() > end - seconds * 500) {
      crashed = true;
      await server.crash();
      await sleep(1_000 + random.below(2_000));
      await server.start();
    } else if (random.chance(0.2)) {
      await server.query(
        'postgres',
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database.database}' and random() < 0.5`,
      );
    } else if (random.chance(0.15)) {
      await shaky.fail(1_000 + random.below(6_000));
    } else {
      const hub = hubs[random.below(hubs.length)] as Machine;
      const port = portOf(hub);
      await hub.stop(random.chance(0.8) ? 'SIGKILL' : 'SIGTERM');
      balancer.targets = balancer.targets.filter((each) => each !== port);
      kills += 1;
      await hub.start(['up', '--port', '0']);
      balancer.targets = [...balancer.targets, portOf(hub)];
    }
  }
  return kills;
}

async function checkAll(clients: readonly Client[]): Promise<number> {
  const inSpace = (space: SpaceId): Client[] => clients.filter((client) => client.space === space);
  const spaces = [...new Set(clients.map(({ space }) => space))];
  await until('all is sent', () =>
    clients.every(({ small, runner }) => small.replica.drafts.length === 0 && runner.state.problem === null),
  );
  // Nobody asks: it comes by the live streams.
  for (const space of spaces) {
    const [first, ...others] = inSpace(space);
    if (first === undefined) continue;
    await first.small.write(textItem('last.md'), 'the last word\n');
    for (const { name, small } of others)
      await until(
        `${name} hears the last word`,
        async () => (await unlessOffline(() => small.read(textItem('last.md')))) === 'the last word\n',
      );
  }
  let records = 0;
  for (const space of spaces) {
    const members = inSpace(space);
    // Whoever wrote last may be told of it after the others: an append is answered late, or in vain and asked for again.
    await until('all have the same log', async () => {
      const heads = await Promise.all(members.map(({ small }) => small.replica.head()));
      return new Set(heads.map((head) => head?.hash)).size === 1;
    });
    for (const { small } of members) {
      const read = await small.deps.store.read((tx) => tx.logs.read(space, 0, { records: 1_000_000, bytes: 1e9 }));
      const commits = read
        .filter(({ type }) => type === 'commit')
        .map(({ signer, id }: { signer: MachineId; id: string }) => `${signer} ${id}`);
      expect(new Set(commits).size).toBe(commits.length);
      records = Math.max(records, read.length);
    }
    // They all have the same log; one of them reads what it says.
    const reader = members.at(-1);
    for (const { acknowledged } of members) {
      for (const [name, bodies] of byName(acknowledged)) {
        const history = new Set(reader === undefined ? [] : await historyOf(reader, name));
        expect(
          bodies.filter((body) => !history.has(body)),
          `acknowledged of ${name}, and in no history`,
        ).toEqual([]);
      }
    }
  }
  return records;
}

async function historyOf({ name, small }: Client, item: string): Promise<string[]> {
  let found: string[] | null = null;
  await until(`${name} reads the history of ${item}`, async () => {
    found = await unlessOffline(() => small.history(textItem(item)));
    return found !== null;
  });
  return found ?? [];
}

/** What is read of bodies; `null` where the hub says that its store does not answer now: that is asked for again. */
async function unlessOffline<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof BodyUnavailable && error.reason === 'offline') return null;
    throw error;
  }
}

function byName(all: Client['acknowledged']): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { name, body } of all) found.set(name, [...(found.get(name) ?? []), body]);
  return found;
}
