import { afterEach, describe, expect, it } from 'vitest';
import { ask } from '../node/place.ts';
import { MnemePlace } from './mneme-place.ts';

let place: MnemePlace | null = null;
afterEach(async () => {
  await place?.close();
  place = null;
});

async function start(options: Parameters<typeof MnemePlace.create>[0] = {}): Promise<MnemePlace> {
  place = await MnemePlace.create(options);
  return place;
}

describe('keys', () => {
  it('nobody gets in without one, unless a file says so', async () => {
    const server = await start({ seed: { apiKeys: [] } });
    expect((await server.ask('GET', '/health', { key: null })).body).toMatchObject({ authRequired: false });
    expect((await server.ask('GET', '/projects/x/files', { key: null })).status).toBe(200);
    expect((await server.ask('GET', '/projects/x/files', { key: 'anything' })).status).toBe(200);
    expect((await ask(server.node, 'doctor', {})).checks).toContainEqual(expect.objectContaining({ id: 'mneme.open', result: 'warn' }));
  });

  it('that a file names open all projects, and tokens go on beside them', async () => {
    const server = await start({ seed: { apiKeys: ['first-key', 'second-key'] } });
    for (const key of ['first-key', 'second-key', server.token])
      expect((await server.ask('GET', '/projects/x/files', { key })).status).toBe(200);
    for (const key of ['first-ke', 'first-key2', ''])
      expect([401, 403]).toContain((await server.ask('GET', '/projects/x/files', { key })).status);
  });

  it('the first one is made by the first start, and lies in a file', async () => {
    const server = await start();
    expect(server.node.mneme.tokenFile).toContain('mneme-token');
  });

  it.each([
    ['beyond loopback', { apiKeys: [], host: '0.0.0.0' }, /loopback only/],
    ['to all web pages', { apiKeys: [], allowedOrigins: ['*'] }, /every web page/],
  ])('"apiKeys": [] is not taken %s', async (_, config, says) => {
    const server = await start({ config });
    expect(server.node.mneme.address).toBeNull();
    expect(server.node.mneme.problem).toMatch(says);
  });

  it('are not sent in clear text: beyond loopback it needs a proxy', async () => {
    const server = await start({ config: { host: '0.0.0.0' } });
    expect(server.node.mneme.problem).toContain('without TLS');
  });
});

describe('the configuration of the first server', () => {
  it('is read, and ours goes before it', async () => {
    const server = await start({
      seed: { port: 1, lockTTLMinutes: 0.5, rateLimitPerMinute: 7, unknown: true },
      config: { rateLimitPerMinute: 1_000 },
    });
    const { acquiredAt, expiresAt } = (await server.lock('x', 'a')).body['lock'] as { acquiredAt: string; expiresAt: string };
    expect(Date.parse(expiresAt) - Date.parse(acquiredAt)).toBe(30_000);
  });

  it.each([
    ['{ broken', /config.json is not JSON$/],
    ['{"port":"x"}', /config.json: port/],
    ['{"lockTTLMinutes":0}', /config.json: lockTTLMinutes/],
  ])('%s is said to be wrong, and the node goes on', async (seed, says) => {
    const server = await start({ seed });
    expect(server.node.mneme.problem).toMatch(says);
    expect(server.node.address).not.toBeNull();
  });
});

describe('web pages', () => {
  it('of listed origins may call it, others may not', async () => {
    const server = await start({ config: { allowedOrigins: ['https://page.example'] } });
    const listed = await server.ask('GET', '/health', { key: null, headers: { origin: 'https://page.example' } });
    expect(listed.headers['access-control-allow-origin']).toBe('https://page.example');
    expect(listed.headers['access-control-allow-headers']).toContain('X-Client-Id');
    const preflight = await server.ask('OPTIONS', '/projects/x/lock', { key: null, headers: { origin: 'https://page.example' } });
    expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([204, 'https://page.example']);
    const other = await server.ask('GET', '/health', { key: null, headers: { origin: 'https://evil.example' } });
    expect([other.status, other.headers['access-control-allow-origin']]).toEqual([403, undefined]);
    expect(other.body).toEqual({ error: expect.any(String) as unknown });
    const foreign = await server.ask('OPTIONS', '/', { key: null, headers: { origin: 'https://evil.example' } });
    expect([foreign.status, foreign.headers['access-control-allow-origin']]).toEqual([204, undefined]);
  });

  it('that made a name of their own lead here are turned away', async () => {
    const server = await start();
    expect((await server.ask('GET', '/health', { key: null, headers: { host: 'evil.example' } })).status).toBe(421);
    expect((await server.ask('GET', '/health', { key: null, headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
  });
});

it('more requests than are allowed in a minute are told so', async () => {
  const server = await start({ config: { rateLimitPerMinute: 5 } });
  const statuses: number[] = [];
  for (let index = 0; index < 6; index += 1) statuses.push((await server.ask('GET', '/health', { key: null })).status);
  expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
  expect((await server.ask('GET', '/health', { key: null })).body).toEqual({ error: 'Too many requests' });
  expect((await server.ask('OPTIONS', '/', { key: null })).status).toBe(204);
});

describe('a hub', () => {
  it('keeps an open space for each project, made with the first push', async () => {
    const server = await start({ hub: true });
    const names = (): string[] => [...server.node.spaces.values()].map(({ entry }) => entry.name);
    await server.lock('team/app', 'a');
    await server.get('team/app', 'log.jsonl');
    expect(names()).toEqual([]);
    await server.put('team/app', 'log.jsonl', '{"ts":"1"}\n', 'a');
    await Promise.all([server.put('other', 'log.jsonl', '{"ts":"2"}\n', 'a'), server.put('other', 'remembered.json', '[]\n', 'a')]);
    expect(names().toSorted()).toEqual(['mneme/other', 'mneme/team%2Fapp']);
    for (const { replica } of server.node.spaces.values()) expect(replica.membership.mode).toBe('open');
    expect(await ask(server.node, 'invite', {})).toMatchObject({ invites: 'hub' });
    await server.restart();
    expect((await server.get('team/app', 'log.jsonl')).body['content']).toBe('{"ts":"1"}\n');
    expect((await server.get('other', 'remembered.json')).body['content']).toBe('[]\n');
  });
});

describe('a work machine', () => {
  it('keeps everything sealed in the personal space, and a lock over a restart', async () => {
    const server = await start();
    await server.lock('app', 'a');
    const put = await server.put('app', 'log.jsonl', '{"ts":"1"}\n', 'a');
    expect([...server.node.spaces.values()].map(({ entry, replica }) => [entry.name, replica.membership.mode])).toEqual([
      ['personal', 'sealed'],
    ]);
    await server.restart();
    expect((await server.ask('GET', '/projects/app/lock')).body).toMatchObject({ locked: true, lock: { clientId: 'a' } });
    expect((await server.get('app', 'log.jsonl')).body['content']).toBe('{"ts":"1"}\n');
    expect(put.status).toBe(200);
  });
});
