import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import path from 'node:path';
import { afterAll, expect, inject, it } from 'vitest';
import { askMneme, type AskOptions, type MnemeAnswer } from '../gateways/mneme-place.ts';
import { Machine, makeRoot, until } from './machine.ts';

const { root, remove } = makeRoot();
const ana = new Machine(root, 'ana', inject('program'));

afterAll(async () => {
  await ana.kill();
  remove();
});

interface Status {
  readonly url: string;
  readonly token: { readonly token: string } | null;
}

const KILLS = 3;
const CLIENTS = 8;

function configure(mneme: Record<string, unknown>): void {
  mkdirSync(ana.store, { recursive: true, mode: 0o700 });
  writeFileSync(path.join(ana.store, 'config.json'), JSON.stringify({ mneme }), { mode: 0o600 });
}

it('what was acknowledged survives kill -9, and the lock does; the next start goes on', async () => {
  configure({ enabled: true, port: 0, rateLimitPerMinute: 1_000_000 });
  await ana.start();
  const file = path.join(ana.store, 'mneme-token');
  expect(ana.output).toContain(file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const key = readFileSync(file, 'utf8').trim();
  expect(ana.output).not.toContain(key);
  const server = async (): Promise<(method: string, rest: string, options?: AskOptions) => Promise<MnemeAnswer>> => {
    const { url } = await ana.ask<Status>(['mneme', 'serve']);
    return (method, rest, options) => askMneme(url, method, `/projects/p${rest}`, { key, ...options });
  };
  const acked = new Set<string>();
  const logs = Array.from({ length: CLIENTS }, (): string[] => []);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const ask = await server();
    if (kill > 0) expect((await ask('GET', '/lock')).body).toMatchObject({ locked: true, lock: { clientId: 'c0' } });
    expect((await ask('POST', '/lock', { client: 'c0' })).status).toBe(200);
    const pushing = logs.map(async (log, client) => {
      // Each a client that never pulls: what it says is merged with what others said.
      for (;;) {
        const line = JSON.stringify({ ts: '2025-01-01T00:00:00Z', type: 'prompt', content: `${client} ${log.length}` });
        log.push(line);
        const body = JSON.stringify({ content: `${log.join('\n')}\n` });
        const answer = await ask('PUT', '/files/log.jsonl', { client: `c${client}`, body }).catch(() => null);
        if (answer === null) return;
        // Refused for want of the lock, and kept all the same.
        expect(answer.status).toBe(client === 0 ? 200 : 403);
        acked.add(line);
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 500 + kill * 233));
    await until('some are acknowledged', () => acked.size > 4 * (kill + 1));
    await ana.kill();
    await Promise.all(pushing);
    await ana.start();
  }
  expect(acked.size).toBeGreaterThan(4 * KILLS);
  const served = (await (await server())('GET', '/files/log.jsonl')).body['content'] as string;
  const lines = new Set(served.split('\n'));
  for (const line of acked) expect(lines.has(line)).toBe(true);
});

it('connect and disconnect leave mneme’s settings as they were', async () => {
  const file = path.join(ana.home, '.claude-mneme', 'config.json');
  const before = '{\n    "model": "haiku",\n    "sync": { "enabled": false, "projectId": "mine" }\n}\n';
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, before);
  const { url } = await ana.ask<{ url: string }>(['mneme', 'connect']);
  const written = JSON.parse(readFileSync(file, 'utf8')) as { sync: { apiKey: string } };
  expect(written).toEqual({
    model: 'haiku',
    sync: { enabled: true, projectId: 'mine', serverUrl: url, apiKey: expect.stringMatching(/^mneme_/) as unknown },
  });
  const files = () => askMneme(url, 'GET', '/projects/mine/files', { key: written.sync.apiKey });
  expect((await files()).status).toBe(200);
  expect(await ana.ask(['mneme', 'disconnect'])).toEqual({ disconnected: true, file, left: [], kept: null });
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect((await files()).status).toBe(403);
  expect(await ana.ask(['mneme', 'disconnect'])).toEqual({ disconnected: false, file: null, left: [], kept: null });
});

it('import takes over what the first server kept, names what it cannot, changes nothing there, and may be repeated', async () => {
  const folder = path.join(ana.home, '.mneme-server');
  const put = (name: string, content: string): void => {
    mkdirSync(path.join(folder, 'projects', path.dirname(name)), { recursive: true });
    writeFileSync(path.join(folder, 'projects', name), content);
  };
  const facts = (...contents: string[]): string =>
    `${JSON.stringify(
      contents.map((content) => ({ ts: 't', type: 'fact', content })),
      null,
      2,
    )}\n`;
  put('team/remembered.json', facts('one', 'two'));
  put('team/log.jsonl', '{"ts":"1"}\n');
  put('team/.lock.json', '{');
  put('other/remembered.json', '{ broken');
  put('other/summary.md', '# old\n');
  put('empty/notes.txt', 'x');
  const first = await ana.run(['mneme', 'import', '--json']);
  expect(JSON.parse(first.stdout)).toEqual({
    folder,
    projects: 2,
    files: 3,
    added: 3,
    changed: 0,
    bad: [{ file: 'other/remembered.json', reason: expect.stringContaining('cannot be read') as unknown }],
  });
  expect(first.code).toBe(1);
  const { url, token } = await ana.ask<Status>(['mneme', 'serve', '--name', 'x']);
  const get = async (name: string): Promise<unknown> =>
    (await askMneme(url, 'GET', `/projects/${name}`, { key: token?.token ?? '' })).body['content'];
  expect(await get('team/files/remembered.json')).toBe(facts('one', 'two'));
  expect(await get('other/files/summary.md')).toBe('# old\n');
  // Both go on: what was forgotten there goes, what was learnt here stays.
  const key = token?.token ?? '';
  await askMneme(url, 'POST', '/projects/team/lock', { key, client: 'c' });
  await askMneme(url, 'GET', '/projects/team/files/remembered.json', { key, client: 'c' });
  await askMneme(url, 'PUT', '/projects/team/files/remembered.json', {
    key,
    client: 'c',
    body: JSON.stringify({ content: facts('one', 'two', 'three') }),
  });
  put('team/remembered.json', facts('two', 'four'));
  await ana.run(['mneme', 'import']);
  const merged = JSON.parse((await get('team/files/remembered.json')) as string) as { content: string }[];
  expect(merged.map(({ content }) => content).toSorted()).toEqual(['four', 'three', 'two']);
  await ana.run(['mneme', 'import']);
  expect(JSON.parse((await get('team/files/remembered.json')) as string)).toEqual(merged);
  expect(readFileSync(path.join(folder, 'projects', 'other', 'remembered.json'), 'utf8')).toBe('{ broken');
  expect((await ana.run(['mneme', 'import', '/nowhere'])).stderr).toContain('no folder "projects"');
});

it('a stuck lock is shown and taken away by satchel leases', async () => {
  const { url, token } = await ana.ask<Status>(['mneme', 'serve', '--name', 'y']);
  const key = token?.token ?? '';
  await askMneme(url, 'POST', '/projects/stuck/lock', { key, client: 'gone' });
  const { leases } = await ana.ask<{ leases: { name: string; holder: string }[] }>(['leases']);
  expect(leases).toContainEqual(expect.objectContaining({ name: 'mneme/stuck', holder: 'gone' }));
  await ana.ask(['leases', 'release', 'mneme/stuck']);
  expect((await askMneme(url, 'POST', '/projects/stuck/lock', { key, client: 'other' })).status).toBe(200);
});

it('serves no longer once told so, and not on a port that another has', async () => {
  const { url } = await ana.ask<Status>(['mneme', 'serve']);
  expect(await ana.ask(['mneme', 'serve', '--off'])).toMatchObject({ enabled: false, listening: false });
  // By a connection of its own: one that was open before ends otherwise.
  await expect(askMneme(url, 'GET', '/health', { agent: new Agent() })).rejects.toThrow('ECONNREFUSED');
  const taken = Number(new URL(JSON.parse(readFileSync(path.join(ana.store, 'running.json'), 'utf8')).address as string).port);
  const refused = await ana.run(['mneme', 'serve', '--port', String(taken)]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`port ${taken} is taken by this node itself`)]);
  const other = new Machine(root, 'other', inject('program'));
  await other.start();
  const { address: foreign } = JSON.parse(readFileSync(path.join(other.store, 'running.json'), 'utf8')) as { address: string };
  const { machines } = await other.ask<{ machines: { id: string }[] }>(['machines']);
  const by = `is taken by another Satchel node (machine ${machines[0]?.id.slice(0, 8)})`;
  expect(await ana.run(['mneme', 'serve', '--port', new URL(foreign).port])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(by),
  });
  await other.kill();
  // Nobody was shown the token that went with it: there is none.
  expect((await ana.run(['mneme', 'serve', '--port', String(taken), '--name', 'z'])).code).toBe(1);
  const { tokens } = await ana.ask<{ tokens: { name: string }[] }>(['mneme', 'status']);
  expect(tokens.map(({ name }) => name)).not.toContain('z');
  expect(await ana.ask(['mneme', 'serve', '--port', '0'])).toMatchObject({ enabled: true, listening: true });
});
