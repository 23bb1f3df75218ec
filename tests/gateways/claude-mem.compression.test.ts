import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { takesGzip } from '../../src/gateways/claude-mem/gzipped-page.ts';
import { startGateway, type GatewayPlace } from './claude-mem-place.ts';
import { row } from './claude-mem-ops.ts';

/** Pages of changes to workers elsewhere: behind a proxy that was declared, as every one is that comes by TLS that it trusts. */
let place: GatewayPlace;
let token: string;

beforeEach(async () => {
  place = await startGateway({ proxies: ['127.0.0.1'] });
  token = (await place.clients.addToken('ada', '')).token;
});
afterEach(() => place.close());

const FAR = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' };

async function push(device: string, local: number, narrative: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'x-user-id': 'ada', 'x-device-id': device, 'content-type': 'application/json' };
  const body = JSON.stringify({
    protocol_version: 2,
    ops: [row(device, { local: String(local), payload: { title: `row ${local}`, narrative } })],
  });
  expect((await fetch(`${place.url}/v1/sync/ops`, { method: 'POST', headers, body })).status).toBe(200);
}

/** A page as it comes over the wire. */
async function page(
  headers: Record<string, string>,
): Promise<{ readonly encoding: string | undefined; readonly vary: string | undefined; readonly bytes: Buffer }> {
  const who = { authorization: `Bearer ${token}`, 'x-user-id': 'ada', 'x-device-id': 'device-c' };
  const [answer] = (await once(get(`${place.url}/v1/sync/changes?since=0`, { headers: { ...who, ...headers } }), 'response')) as [
    IncomingMessage,
  ];
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-type']).toBe('application/json');
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return { encoding: answer.headers['content-encoding'], vary: answer.headers.vary, bytes: Buffer.concat(parts) };
}

const prose = (words: number): string =>
  Array.from({ length: words }, (_, at) => `the upload queue is tried again after ${at} s`).join(', ');

it('are compressed, to the very bytes of those that are not', async () => {
  for (let local = 1; local <= 20; local += 1) await push(local % 3 === 0 ? 'device-a' : 'device-b', local, prose(20 + local));
  const plain = await page({ ...FAR, 'accept-encoding': 'identity' });
  expect(plain.encoding).toBeUndefined();
  for (const accepted of ['gzip, deflate, br, zstd', 'gzip', 'br;q=1.0, gzip;q=0.8']) {
    const compressed = await page({ ...FAR, 'accept-encoding': accepted });
    expect([compressed.encoding, compressed.vary]).toEqual(['gzip', 'accept-encoding']);
    expect(gunzipSync(compressed.bytes).equals(plain.bytes)).toBe(true);
    expect(compressed.bytes.length).toBeLessThan(plain.bytes.length / 3);
  }
});

it('are not on this machine, nor where they are short or the client does not take it', async () => {
  await push('device-a', 1, 'a few words');
  expect((await page({ ...FAR, 'accept-encoding': 'gzip' })).encoding).toBeUndefined();
  await push('device-a', 2, prose(600));
  expect((await page({ ...FAR, 'accept-encoding': 'gzip' })).encoding).toBe('gzip');
  expect((await page({ 'accept-encoding': 'gzip' })).encoding).toBeUndefined();
  expect((await page(FAR)).encoding).toBeUndefined();
  expect((await page({ ...FAR, 'accept-encoding': 'gzip;q=0, identity' })).encoding).toBeUndefined();
});

it('have a length that tells nothing of one device’s rows to who plants a row on another', async () => {
  const [secret, guess] = [randomBytes(6_000).toString('hex'), randomBytes(6_000).toString('hex')];
  await push('device-a', 1, secret);
  await push('device-b', 1, guess);
  const wrong = await page({ ...FAR, 'accept-encoding': 'gzip' });
  await place.close();
  place = await startGateway({ proxies: ['127.0.0.1'] });
  token = (await place.clients.addToken('ada', '')).token;
  await push('device-a', 1, secret);
  await push('device-b', 1, `${secret.slice(1)}0`); // not the very row, which would be served once
  const right = await page({ ...FAR, 'accept-encoding': 'gzip' });
  expect([wrong.encoding, right.encoding]).toEqual(['gzip', 'gzip']);
  expect(Math.abs(right.bytes.length - wrong.bytes.length)).toBeLessThan(200);
});

it.each([
  ['gzip', true],
  ['GZIP', true],
  ['deflate, gzip;q=0.5', true],
  ['gzip ; q=1 , br', true],
  ['gzip;q=0', false],
  ['gzip;q=0.000', false],
  ['x-gzip', false],
  ['br', false],
  ['*', false],
  ['', false],
  [undefined, false],
])('%s takes gzip: %s', (accepted, takes) => {
  expect(takesGzip(accepted)).toBe(takes);
});
