import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { hostname } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from '../node/place.ts';
import { parseExposition, valueOf, type ParsedFamily } from './parse-exposition.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

const on = { env: { SATCHEL_METRICS: 'true' } };
const tokenFile = (machine: string): string => path.join(place.home(machine), '.satchel', 'metrics-token');
const tokenOf = (machine: string): string => readFileSync(tokenFile(machine), 'utf8');

function fetchFrom(node: SatchelNode, route: string, token?: string): Promise<Response> {
  return fetch(`${node.address}${route}`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
}

async function scrape(machine: string, node: SatchelNode): Promise<Map<string, ParsedFamily>> {
  const answer = await fetchFrom(node, '/metrics', tokenOf(machine));
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parseExposition(await answer.text());
}

describe('/metrics', () => {
  it('is not there unless it was asked for', async () => {
    const hub = await place.start('hub', { hub: true });
    const token = readFileSync(hub.home.token, 'utf8');
    for (const each of [undefined, token]) expect((await fetchFrom(hub, '/metrics', each)).status).toBe(404);
    expect(() => statSync(tokenFile('hub'))).toThrow(/ENOENT/);
  });

  it('opens to its own token alone, which opens nothing else', async () => {
    const hub = await place.start('hub', { hub: true, ...on });
    expect(statSync(tokenFile('hub')).mode & 0o777).toBe(0o600);
    const token = tokenOf('hub');
    const commands = readFileSync(hub.home.token, 'utf8');
    const answers = await Promise.all([undefined, '', commands, `${token}x`].map((each) => fetchFrom(hub, '/metrics', each)));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    const others = ['/v1/node/status', '/v1/spaces', `/v1/spaces/${'0'.repeat(64)}/head`];
    for (const route of others) expect((await fetchFrom(hub, route, token)).status).toBe(401);
    const changing = await fetch(`${hub.address}/v1/node/status`, {
      method: 'POST',
      body: '{}',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
    expect(changing.status).toBe(401);
    expect((await fetchFrom(hub, '/metrics', token)).status).toBe(200);
  });

  it('keeps its token, and takes one that was put there', async () => {
    const first = await place.start('hub', { hub: true, ...on });
    const token = tokenOf('hub');
    await place.stop('hub');
    await place.start('hub', { hub: true, ...on });
    expect(tokenOf('hub')).toBe(token);
    await place.stop('hub');
    writeFileSync(tokenFile('hub'), 'given-to-all-of-our-hubs-alike\n', { mode: 0o600 });
    const second = await place.start('hub', { hub: true, ...on });
    expect((await fetchFrom(second, '/metrics', token)).status).toBe(401);
    expect((await fetchFrom(second, '/metrics', 'given-to-all-of-our-hubs-alike')).status).toBe(200);
    expect(first.address).not.toBe(null);
  });

  it('takes no token that is short, and none that others can read', async () => {
    await place.start('hub', { hub: true, live: false });
    await place.stop('hub');
    writeFileSync(tokenFile('hub'), 'prometheus\n', { mode: 0o600 });
    await expect(place.start('hub', { hub: true, ...on })).rejects.toThrow('holds no token');
    await place.stop('hub');
    writeFileSync(tokenFile('hub'), 'prometheus-of-the-company\n', { mode: 0o600 });
    chmodSync(tokenFile('hub'), 0o644);
    await expect(place.start('hub', { hub: true, ...on })).rejects.toThrow('can be read by other users');
  });

  it('counts what is really asked, and names nobody', async () => {
    const hub = await place.start('hub', { hub: true, ...on });
    const before = await scrape('hub', hub);
    expect(valueOf(before, 'satchel_build_info', { role: 'hub', store: 'sqlite', version: '0.0.0-test' })).toBe(1);
    expect(valueOf(before, 'satchel_records_total')).toBe(0);

    const a = await place.start('a');
    await place.write('a', 'a name that only members know\n');
    const { link } = await ask(hub, 'invite', {});
    await ask(a, 'join', { link });
    await ask(a, 'sync', {});
    await expect.poll(() => valueOfNow(hub, 'satchel_live_listeners')).toBeGreaterThan(0);
    const [space = ''] = a.spaces.keys();
    const foreign = await fetchFrom(hub, `/v1/spaces/${space}/head`, 'nobody');
    expect(foreign.status).toBe(401);
    expect((await fetchFrom(hub, '/no/such/route')).status).toBe(404);
    await rejectedHost(hub);

    const after = await scrape('hub', hub);
    const appended = valueOf(after, 'satchel_appends_total', { outcome: 'appended' });
    expect(appended).toBeGreaterThan(0);
    expect(valueOf(after, 'satchel_records_total', { direction: 'stored' })).toBeGreaterThanOrEqual(appended);
    expect(valueOf(after, 'satchel_records_bytes_total', { direction: 'stored' })).toBeGreaterThan(100);
    expect(valueOf(after, 'satchel_spaces')).toBe(1);
    expect(valueOf(after, 'satchel_store_size_bytes')).toBe(statSync(hub.home.store).size + statSync(`${hub.home.store}-wal`).size);
    const head = { route: '/v1/spaces/:space/head', method: 'GET', status: '401' };
    const append = { route: '/v1/spaces/:space/records', method: 'POST', status: '200' };
    expect(valueOf(after, 'satchel_http_requests_total', append)).toBe(appended);
    expect(valueOf(after, 'satchel_http_request_duration_seconds_count', { route: append.route })).toBeGreaterThanOrEqual(appended);
    expect(valueOf(after, 'satchel_http_requests_total', { status: head.status })).toBeGreaterThan(0);
    expect(valueOf(after, 'satchel_http_requests_total', { route: 'unmatched', status: '404' })).toBe(1);
    expect(valueOf(after, 'satchel_http_refused_total', { reason: 'wrong-host' })).toBe(1);
    expect(valueOf(after, 'satchel_store_transaction_duration_seconds_count', { kind: 'write' })).toBeGreaterThan(0);
    expect(valueOf(after, 'satchel_store_transactions')).toBeGreaterThanOrEqual(0);
    expect(valueOf(after, 'process_resident_memory_bytes')).toBeGreaterThan(10_000_000);

    const text = await (await fetchFrom(hub, '/metrics', tokenOf('hub'))).text();
    expect(text).not.toMatch(/[0-9a-f]{32}|session_|token_|127\.0\.0\.1|CLAUDE/i);
    for (const secret of [space, a.deps.machine.key.machine, hub.deps.machine.key.machine, place.root, hostname(), 'only members'])
      expect(text).not.toContain(secret);
  });

  /** What a hostile or a busy caller can do to the number of series. */
  it('grows no series by what callers make up', async () => {
    const hub = await place.start('hub', { hub: true, ...on });
    for (let n = 0; n < 40; n += 1) {
      await fetchFrom(hub, `/v1/spaces/${n.toString(16).padStart(64, '0')}/head`, `made-up-${n}`);
      await fetchFrom(hub, `/made/up/${n}?q=${n}`);
      await fetchFrom(hub, `/v1/made/up/${n}`);
      await fetchFrom(hub, `/v1/mailbox/slot-${n}`);
    }
    const families = await scrape('hub', hub);
    expect(families.get('satchel_http_requests_total')?.samples.length).toBeLessThanOrEqual(8);
  });

  it('tells on a machine which syncs fail, and why', async () => {
    const hub = await place.start('hub', { hub: true });
    const a = await place.start('a', on);
    await ask(a, 'join', { link: (await ask(hub, 'invite', {})).link });
    await place.stop('hub');
    await place.write('a', 'more\n');
    await expect.poll(async () => valueOf(await scrape('a', a), 'satchel_sync_failures_total', { type: 'unreachable' })).toBeGreaterThan(0);
    expect(valueOf(await scrape('a', a), 'satchel_sync_problems')).toBe(1);
    expect(valueOf(await scrape('a', a), 'satchel_build_info', { role: 'node' })).toBe(1);
  });

  async function valueOfNow(hub: SatchelNode, name: string): Promise<number> {
    return valueOf(await scrape('hub', hub), name);
  }
});

/** As a page does whose name was rebound to this machine. */
function rejectedHost({ address }: SatchelNode): Promise<void> {
  return new Promise((resolve, reject) => {
    get(`${address}/metrics`, { headers: { host: 'evil.example' } }, (answer) => {
      answer.resume();
      answer.on('end', () => (answer.statusCode === 421 ? resolve() : reject(new Error(`answered ${answer.statusCode}`))));
    }).on('error', reject);
  });
}
