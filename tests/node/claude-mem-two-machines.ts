import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { undoConnection, writeConnection } from '../../src/node/claude-mem/connection.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import type { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { freePort } from '../setup/free-port.ts';
import { ask, Place } from './place.ts';

/** The worker takes in what it is served, until that is so. */
export async function pullsUntil(worker: ModelWorker, what: () => unknown, expected: unknown): Promise<void> {
  const pulled = async (): Promise<unknown> => {
    await worker.pull();
    return what();
  };
  await expect.poll(pulled).toEqual(expected);
}

/** A home of this machine in the place, with an empty database of claude-mem's in it, which is closed with the place. */
export async function mem(place: Place, machine: string): Promise<MemDatabase> {
  const folder = path.join(place.home(machine), '.claude-mem');
  await mkdir(folder, { recursive: true });
  return place.closing(new MemDatabase(path.join(folder, 'claude-mem.db'), '13.25.3'));
}

export const titles = (of: MemDatabase): string[] =>
  of.sql.prepare('select title from observations order by title').pluck().all() as string[];

export const cell = (of: MemDatabase, column: string, title: string): unknown =>
  of.get(`select ${column} from observations where title = ?`, title);

/**
 * The nodes of two machines of one person: bea joins ana, and both are live then, at ports at which they can be started again while others run
 * beside them.
 */
export async function startBoth(place: Place): Promise<{ readonly ana: SatchelNode; readonly bea: SatchelNode }> {
  const ana = await place.start('ana', { port: await freePort() });
  const joining = await place.start('bea', { live: false });
  await ask(joining, 'join', { link: (await ask(ana, 'invite', {})).link, name: 'bea' });
  await place.stop('bea');
  return { ana, bea: await place.start('bea', { port: await freePort() }) };
}

/** Two machines of one person in a place of their own, each with a database of claude-mem's. Both nodes are live; all of it ends with the place. */
export interface TwoMachines {
  place: Place;
  ana: MemDatabase;
  bea: MemDatabase;
  anaNode: SatchelNode;
  beaNode: SatchelNode;
}

/** @param fill what is in the databases before there are nodes. */
export async function twoMachines(
  fill: (databases: { readonly ana: MemDatabase; readonly bea: MemDatabase }) => void = () => undefined,
): Promise<TwoMachines> {
  const place = await Place.create();
  try {
    const databases = { ana: await mem(place, 'ana'), bea: await mem(place, 'bea') };
    fill(databases);
    const { ana: anaNode, bea: beaNode } = await startBoth(place);
    return { place, ...databases, anaNode, beaNode };
  } catch (error) {
    await place.dispose();
    throw error;
  }
}

/** A test on two machines of its own, which may run beside others; `fill` as of {@link twoMachines}. */
export function withTwoMachines(
  fill: (databases: { readonly ana: MemDatabase; readonly bea: MemDatabase }) => void,
  test: (two: TwoMachines) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const two = await twoMachines(fill);
    try {
      await test(two);
    } finally {
      await two.place.dispose();
    }
  };
}

/** What a worker of `machine` is pointed at. */
export interface Connected {
  readonly token: string;
  readonly url: string;
  /** `me` where it is not said. */
  readonly user?: string;
}

/** As `connect` does; the worker has not run since. */
export async function connect(place: Place, machine: string, node: SatchelNode): Promise<Connected> {
  const folder = path.join(place.home(machine), '.claude-mem');
  const { id, token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: '' });
  const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'me', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
  await ask(node, 'claude-mem-reconnecting', { to: { own: 'me' } });
  expect(await writeConnection(node.home, folder, settings, id)).toMatchObject({ ok: true });
  await ask(node, 'claude-mem-reconnected', {});
  return { token, url };
}

/** As `connect --hub` does, with a token of `hub`’s gateway. */
export async function connectElsewhere(
  place: Place,
  machine: string,
  node: SatchelNode,
  hub: SatchelNode,
  user = 'me',
): Promise<Connected> {
  const folder = path.join(place.home(machine), '.claude-mem');
  const { token, url } = await ask(hub, 'claude-mem-token-add', { user, name: '' });
  const settings = { CLAUDE_MEM_CLOUD_SYNC_TOKEN: token, CLAUDE_MEM_CLOUD_SYNC_USER_ID: user, CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url };
  const made = await ask(node, 'claude-mem-reconnecting', { to: { url, user, token } });
  expect(made).toMatchObject({ unlooked: null, unmarked: null });
  expect(await writeConnection(node.home, folder, settings, null)).toMatchObject({ ok: true });
  const done = await ask(node, 'claude-mem-reconnected', { hub: { url, user, token }, numbers: made.numbers });
  expect(done).toMatchObject({ unmarked: null });
  return { url, token, user };
}

/** As `disconnect` does. */
export async function disconnect(node: SatchelNode): Promise<void> {
  expect(await ask(node, 'claude-mem-reconnecting', {})).toMatchObject({ unlooked: null });
  expect(await undoConnection(node.home)).toMatchObject({ ok: true });
  await ask(node, 'claude-mem-reconnected', {});
}

/** As the worker does when it first runs: it gives itself a device id. It has asked for nothing yet. */
export async function runWorker(place: Place, machine: string, { token, url, user = 'me' }: Connected): Promise<SyncClient> {
  await mkdir(path.join(place.home(machine), '.claude-mem'), { recursive: true });
  const file = path.join(place.home(machine), '.claude-mem', 'settings.json');
  const written = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Record<string, string>;
  await writeFile(file, JSON.stringify({ ...written, CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: `device-${machine}` }));
  return createSyncClient({ url, token, user, device: `device-${machine}` });
}
