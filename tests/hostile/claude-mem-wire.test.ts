import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { row, seal } from '../gateways/claude-mem-ops.ts';
import type { SyncClient } from '../gateways/claude-mem-client.ts';
import { startGateway, type GatewayOptions, type GatewayPlace } from '../gateways/claude-mem-place.ts';
import { ask, exchangeBytes } from '../gateways/native-raw.ts';
import { PATIENCE } from '../setup/patience.ts';

/** What no client of the protocol sends, over raw sockets: 4xx or an end, and the next caller is served. */
let place: GatewayPlace;
let client: SyncClient;
let token: string;

async function start(options: GatewayOptions = {}): Promise<void> {
  place = await startGateway(options);
  client = await place.client('ada', 'device-a');
  token = (await place.clients.addToken('ada', '')).token;
}

beforeEach(() => start());
afterEach(async () => {
  // Whatever it was: nothing failed, and whoever comes next is served.
  expect((await client.push([row('device-a', { local: '999' })])).status).toBe(200);
  expect((await client.changes()).status).toBe(200);
  expect(place.logged).toEqual([]);
  await place.close();
});

async function restart(options: GatewayOptions): Promise<void> {
  await place.close();
  await start(options);
}

const who = (device = 'device-a'): Record<string, string> => ({
  authorization: `Bearer ${token}`,
  'x-user-id': 'ada',
  'x-device-id': device,
});
const lines = (headers: Record<string, string>): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
const head = (method: string, path: string, headers: Record<string, string> = {}): string =>
  `${method} /claude-mem${path} HTTP/1.1\r\nHost: localhost\r\n${lines({ ...who(), ...headers })}`;
const push = (headers: Record<string, string>): string =>
  `${head('POST', '/v1/sync/ops', { 'content-type': 'application/json', ...headers })}\r\n`;
const statusOf = (answer: string): number => Number(/^HTTP\/1.1 (\d{3})/.exec(answer)?.[1] ?? 0);

async function open(): Promise<Socket> {
  const socket = connect(place.port, '127.0.0.1');
  socket.on('error', () => undefined); // a reset is an answer too
  await once(socket, 'connect');
  socket.resume(); // else nobody hears of its end
  return socket;
}

describe('bodies', () => {
  it('without a length, or of pieces: 411', async () => {
    expect(statusOf(await exchangeBytes(place.port, `${push({ 'transfer-encoding': 'chunked' })}0\r\n\r\n`))).toBe(411);
    expect(statusOf(await exchangeBytes(place.port, push({ connection: 'close' })))).toBe(411);
  });

  it('that declare too much: 413 before any of it came', async () => {
    for (const length of ['8000001', '99999999999', '18446744073709551615'])
      expect([400, 413]).toContain(statusOf(await exchangeBytes(place.port, push({ 'content-length': length }))));
  });

  it('with a length that is none: 400', async () => {
    for (const length of ['-1', '1e3', '0x10', '1,2', 'x'])
      expect(statusOf(await exchangeBytes(place.port, push({ 'content-length': length })))).toBe(400);
  });

  it('that break off take nothing in, and admit nobody', async () => {
    const body = JSON.stringify({ protocol_version: 2, ops: [row('device-x')] });
    const socket = await open();
    socket.write(`${push({ 'content-length': String(body.length), 'x-device-id': 'device-x' })}${body.slice(0, -1)}`);
    socket.end();
    await once(socket, 'close');
    expect((await client.status()).body).toMatchObject({ op_count: 0, device_count: 0 });
  });

  it('of any bytes: 400', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
        const answer = await ask({ listener: { port: place.port } }, '/claude-mem/v1/sync/ops', {
          headers: { ...who(), 'content-type': 'application/json' },
          body: bytes,
        });
        expect(answer.status).toBe(400);
      }),
      { numRuns: 60 },
    );
  });

  it('whose text is no UTF-8, or whose values nest without end: 400', async () => {
    const { body, operation_sha256 } = row('device-a');
    const bad = Buffer.from(
      JSON.stringify({ protocol_version: 2, ops: [{ body: body.replace('Milk', 'M\u00ff'), operation_sha256 }] }),
      'latin1',
    );
    const headers = { ...who(), 'content-type': 'application/json' };
    const send = (bytes: Uint8Array | string) =>
      ask({ listener: { port: place.port } }, '/claude-mem/v1/sync/ops', { headers, body: bytes });
    expect((await send(bad)).status).toBe(400);
    for (const deep of ['['.repeat(3_000_000), `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`, '{"a":'.repeat(500_000)]) {
      expect((await send(`{"protocol_version":2,"ops":${deep}}`)).status).toBe(400);
      expect((await client.push([seal(deep.slice(0, 250_000))])).status).toBe(400);
    }
  });

  it('that dawdle are ended, and hold up nobody', async () => {
    await restart({ limits: { headersTimeout: 1_500, requestTimeout: 2_500 } });
    const slow = exchangeBytes(place.port, `${push({ 'content-length': '1000' })}{`);
    const sockets = await Promise.all(Array.from({ length: 30 }, open));
    for (const socket of sockets) socket.write(`${push({ 'content-length': '7000000' })}{"protocol_version":2,`);
    expect((await client.push([row('device-a')])).status).toBe(200);
    expect([0, 408]).toContain(statusOf(await slow));
    await Promise.all(sockets.map(async (socket) => socket.destroyed || (await once(socket, 'close'))));
    expect((await client.status()).body).toMatchObject({ op_count: 1, device_count: 1 });
  });

  it('of one user take so much memory at once, and of all: 429, and there is room again', async () => {
    await restart({ bodyLimits: { perUser: 300_000, total: 400_000 } });
    const bob = await place.client('bob', 'device-b');
    const large = (device: string, size: number) => row(device, { payload: { narrative: 'x'.repeat(size) } });
    const socket = await open();
    socket.write(`${push({ 'content-length': '260000' })}${'x'.repeat(250_000)}`);
    await vi.waitFor(async () => expect((await client.push([large('device-a', 100_000)])).status).toBe(429), PATIENCE);
    // What is small, and what is of others, goes on.
    expect((await client.push([row('device-a', { local: '2' })])).status).toBe(200);
    expect((await bob.push([large('device-b', 100_000)])).status).toBe(200);
    expect((await bob.push([large('device-b', 180_000)])).status).toBe(429);
    socket.destroy();
    await vi.waitFor(async () => expect((await client.push([large('device-a', 200_000)])).status).toBe(200), PATIENCE);
    expect((await bob.push([large('device-b', 180_000)])).body['error']).toMatch(/revision_hash_conflict/);
  });
});

describe('requests', () => {
  it('for other routes, or with other methods: 404', async () => {
    const paths = ['/v1/sync', '/v1/sync/', '/v1/sync/ops/1', '/v1/sync/%2e%2e/ops', '/v1/sync/ws', '/v2/sync/ops'];
    for (const path of paths) {
      const status = statusOf(await exchangeBytes(place.port, `${head('GET', path, { connection: 'close' })}\r\n`));
      expect([400, 401, 404]).toContain(status);
    }
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])
      for (const path of ['/v1/sync/ops', '/v1/sync/changes', '/v1/sync/status']) {
        const status = statusOf(
          await exchangeBytes(place.port, `${head(method, path, { connection: 'close', 'content-length': '0' })}\r\n`),
        );
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }
  });

  it('with a cursor from the future, below zero, or beyond all numbers', async () => {
    await client.push([row('device-a')]);
    for (const since of ['2', '1000000', '9007199254740991', '9007199254740993', '18446744073709551615'])
      expect(await client.changes(since)).toMatchObject({ status: 200, body: { ops: [], head_seq: '1', more: false } });
    for (const since of ['-1', '-0', '+1', '1.0', '1e1', '0x1', '', ' ', 'NaN', '١', '18446744073709551616', '9'.repeat(5_000)])
      expect((await client.changes(encodeURIComponent(since))).status).toBe(400);
    expect((await client.changes('0&since=5')).status).toBe(200);
    expect((await client.changes('0', '18446744073709551615')).status).toBe(200);
  });

  it('with headers that no client has: 4xx', async () => {
    const get = (headers: Record<string, string>) => ask({ listener: { port: place.port } }, '/claude-mem/v1/sync/changes', { headers });
    for (const device of ['', 'x'.repeat(129), 'ü'.repeat(128)]) expect((await get(who(device))).status).toBe(400);
    for (const user of ['', 'ada,bob', '../ada', 'x'.repeat(5_000), '__proto__', 'constructor'])
      expect((await get({ ...who(), 'x-user-id': user })).status).toBe(401);
    for (const authorization of ['', 'Bearer', `Bearer  ${token}`, `bearer${token}`, `Bearer ${token}x`, `Bearer ${'x'.repeat(10_000)}`])
      expect((await get({ ...who(), authorization })).status).toBe(401);
    const doubled = `${head('GET', '/v1/sync/status', { connection: 'close' })}X-Device-Id: other\r\nX-User-Id: bob\r\n\r\n`;
    expect([400, 401]).toContain(statusOf(await exchangeBytes(place.port, doubled)));
  });
});

describe('sockets', () => {
  const upgrade = (headers: Record<string, string> = {}): string =>
    `${head('GET', '/v1/sync/ws', {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      ...headers,
    })}\r\n`;

  it('that are none: 4xx', async () => {
    for (const headers of [
      { 'sec-websocket-key': 'x' },
      { 'sec-websocket-version': '7' },
      { upgrade: 'h2c' },
      { authorization: 'Bearer x' },
    ]) {
      const status = statusOf(await exchangeBytes(place.port, upgrade(headers)));
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    }
  });

  it('with frames of any bytes end, and nothing else does', async () => {
    const { frames } = await (await place.client('ada', 'device-b')).socket();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 100 }), async (bytes) => {
        const socket = await open();
        socket.write(upgrade());
        const [answer] = (await once(socket, 'data')) as [Buffer];
        expect(statusOf(answer.toString())).toBe(101);
        socket.end(bytes);
        socket.resume();
        await once(socket, 'close');
      }),
      { numRuns: 30 },
    );
    await client.push([row('device-a')]);
    await expect.poll(() => frames.length).toBe(1);
  });

  it('by the hundred: a device has some at most, the oldest end', async () => {
    const sockets: Awaited<ReturnType<SyncClient['socket']>>[] = [];
    for (let index = 0; index < 100; index += 1) sockets.push(await client.socket());
    const states = (): number => sockets.filter(({ socket }) => socket.readyState === socket.OPEN).length;
    await expect.poll(states).toBeLessThanOrEqual(4);
    expect(sockets.at(-1)?.socket.readyState).toBe(1);
    for (const { socket } of sockets) socket.terminate();
  });

  it('that do not read are ended before much waits for them', async () => {
    const reader = await place.client('ada', 'device-b');
    const { socket } = await reader.socket();
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.pause();
    for (let index = 0; index < 80; index += 1)
      await client.push([row('device-a', { local: String(index), payload: { narrative: 'x'.repeat(120_000) } })]);
    socket.resume();
    await ended;
    expect((await reader.changes('79')).status).toBe(200);
  });
});
