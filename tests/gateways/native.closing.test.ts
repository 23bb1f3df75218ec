import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { EMPTY_HEAD, headAfter } from '../../src/core/log/record.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { encodeIds } from '../../src/core/hub-protocol/wire.ts';
import { DEFAULT_LIMITS, type HubServerLimits } from '../../src/gateways/native/limits.ts';
import type { ListenOptions } from '../../src/gateways/native/listener.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createFolderObjects } from '../../src/store/chunks/folder-objects.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createSpaceWriter, sealedObject, segment } from '../contracts/space-writer.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { random, startHub, type HubPlace } from './native-place.ts';
import { ask, bearer, sessionOf } from './native-raw.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A hub on real stores, which `end` closes one after the other, as a node does. Questions for heads wait until released. */
async function hubOnDisk(limits: Partial<HubServerLimits> = {}, listen: Partial<ListenOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'satchel-closing-'));
  folders.push(folder);
  const store = await createSqliteStore({ path: join(folder, 'store.db') });
  const objects = createFolderObjects({ path: join(folder, 'objects'), random });
  const local = createLocalRemote({ store, objects, clock: createTestClock(), address: 'local:' });
  let [tell, release] = [(): void => undefined, (): void => undefined];
  const asked = new Promise<void>((resolve) => (tell = resolve));
  const released = new Promise<void>((resolve) => (release = resolve));
  const remote: Remote = {
    ...local,
    async head(space) {
      tell();
      await released;
      return local.head(space);
    },
  };
  const hub = await startHub({ listen, deps: { remote, limits, health: () => store.read(async () => undefined) } });
  hub.authority.roleOf = async () => 'owner';
  const end = async (): Promise<void> => {
    await hub.listener.close();
    await objects.close();
    await store.close();
  };
  return { hub, end, slow: { asked, release } };
}

it('never says that it failed, whatever is under way when it closes', async () => {
  const { hub, end } = await hubOnDisk();
  const writer = createSpaceWriter();
  const first = hub.connect();
  await first.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
  const outcomes: unknown[] = [];
  let requests = 0;
  const busy = Array.from({ length: 8 }, async (_, index) => {
    const remote = index === 0 ? first : hub.connect();
    try {
      for (; outcomes.length === 0; requests += 1) {
        const object = sealedObject(200_000);
        await remote.putObjects(writer.space, [object]);
        await remote.hasObjects(writer.space, [object.id]);
        await remote.read(writer.space, 0, { records: 10, bytes: 10_000 });
        await remote.append(writer.space, headAfter(writer.genesis), segment([writer.record(headAfter(writer.genesis))]));
      }
    } catch (error) {
      outcomes.push(error);
    }
    await remote.close();
  });
  while (requests < 20) await new Promise((resolve) => setTimeout(resolve, 5));
  await end();
  outcomes.push('closed');
  await Promise.all(busy);
  for (const error of outcomes) if (error !== 'closed') expect(error).toMatchObject({ name: 'RemoteError', type: 'unreachable' });
  expect(failures(hub)).toEqual([]);
});

it('ends each connection with the answer that is under way, and says to what comes later when to come again', async () => {
  const { hub, end, slow } = await hubOnDisk();
  const authorization = `Authorization: ${bearer(await sessionOf(hub)).authorization}\r\n\r\n`;
  const begun = `GET /v1/spaces/${'a'.repeat(64)}/head HTTP/1.1\r\nHost: localhost\r\n`;
  const [early, late] = [openSocket(hub), openSocket(hub)];
  early.socket.write(begun + authorization);
  late.socket.write(begun);
  await slow.asked;
  const ended = end();
  late.socket.write(authorization);
  expect(await late.text).toMatch(/^HTTP\/1.1 503 .*retry-after: \d+.*"code":"closing"/is);
  slow.release();
  expect(await early.text).toMatch(/^HTTP\/1.1 200 .*connection: close/is);
  await ended;
  expect(failures(hub)).toEqual([]);
});

it('sends answers to their end, however slowly somebody reads, and ends the connection then', async () => {
  const { hub, end } = await hubOnDisk();
  const writer = createSpaceWriter();
  const remote = hub.connect();
  await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
  const objects = [sealedObject(3_900_000), sealedObject(3_900_000)]; // more than the system buffers
  await remote.putObjects(writer.space, objects);
  const body = encodeIds(objects.map(({ id }) => id));
  const { socket, text } = openSocket(hub);
  const authorization = `Authorization: ${bearer(await sessionOf(hub)).authorization}\r\n`;
  const head = `POST /v1/spaces/${writer.space}/objects/get HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cbor\r\n`;
  socket.write(`${head}${authorization}Content-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  await once(socket, 'data');
  socket.pause();
  const ended = end();
  await sleep(300);
  socket.resume();
  expect((await text).length).toBeGreaterThan(7_800_000);
  await ended;
  await remote.close();
});

it('waits for nobody whose live stream ended with it, be the connection kept', async () => {
  const { hub, end } = await hubOnDisk();
  const { socket, text } = openSocket(hub);
  const authorization = `Authorization: ${bearer(await sessionOf(hub)).authorization}\r\n`;
  const body = '{"spaces":[]}';
  socket.write(
    `POST /v1/live HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${authorization}Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  await once(socket, 'data');
  const began = performance.now();
  await end();
  expect(performance.now() - began).toBeLessThan(DEFAULT_LIMITS.shutdownTimeout);
  // Its end is said, or a proxy would take it for broken off.
  expect(await text).toMatch(/\r\n0\r\n\r\n$/);
});

describe('where callers have another place to go', () => {
  const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

  it('still answers what was on its way when it closed, each as the last on its connection, and takes no new one', async () => {
    const { hub, end } = await hubOnDisk({}, { hasPeers: true });
    const [kept, probe, idle] = [openSocket(hub), openSocket(hub), openSocket(hub)];
    for (const { socket } of [kept, probe, idle]) {
      socket.write(ask('/v1/hub'));
      await once(socket, 'data');
    }
    const began = performance.now();
    const ended = end();
    const late = openSocket(hub);
    kept.socket.write(ask('/v1/hub'));
    probe.socket.write(ask('/healthz'));
    expect(await kept.text).toMatch(/^HTTP\/1.1 200 .*HTTP\/1.1 200 .*connection: close/is);
    expect(await probe.text).toMatch(/^HTTP\/1.1 200 .*HTTP\/1.1 503 .*"code":"closing"/is);
    expect(await late.text).toBe('');
    await ended;
    // Nothing was asked on it any more.
    expect(await idle.text).toMatch(/^HTTP\/1.1 200 (?!.*HTTP)/is);
    expect(performance.now() - began).toBeGreaterThan(DEFAULT_LIMITS.lingerTime * 0.9);
    expect(performance.now() - began).toBeLessThan(DEFAULT_LIMITS.shutdownTimeout);
  });

  it('begins no live stream that would end in a moment', async () => {
    const { hub, end } = await hubOnDisk({}, { hasPeers: true });
    const authorization = `Authorization: ${bearer(await sessionOf(hub)).authorization}\r\n`;
    const { socket, text } = openSocket(hub);
    socket.write(ask('/v1/hub'));
    await once(socket, 'data');
    const ended = end();
    socket.write(
      `POST /v1/live HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${authorization}Content-Length: 13\r\n\r\n{"spaces":[]}`,
    );
    expect(await text).toMatch(/HTTP\/1.1 503 .*retry-after: \d+.*"code":"closing"/is);
    await ended;
    expect(failures(hub)).toEqual([]);
  });
});

/** What comes out of it until it closes. */
function openSocket({ listener }: HubPlace) {
  const socket = connect(listener.port, '127.0.0.1');
  socket.on('error', () => undefined); // it is refused, or ended: what came until then is looked at
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  return { socket, text: new Promise<string>((resolve) => socket.once('close', () => resolve(text))) };
}

it('takes no failure of a request that it did not wait for as its own', async () => {
  const { hub, end, slow } = await hubOnDisk({ shutdownTimeout: 50 });
  const asked = ask(hub, `/v1/spaces/${'a'.repeat(64)}/head`, { headers: bearer(await sessionOf(hub)) }).catch(() => null);
  await slow.asked;
  await end();
  slow.release();
  await asked;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(failures(hub)).toEqual([]);
});

/** What a hub logged that somebody would have to look into. */
function failures({ logged }: HubPlace): string[] {
  return logged.filter((line) => line.includes('"level":50') || line.includes('"status":500'));
}
