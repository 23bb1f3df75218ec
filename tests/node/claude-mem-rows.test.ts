import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../sources/disk-home.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';

let place: Place;
const databases: MemDatabase[] = [];
beforeEach(async () => {
  place = await Place.create();
});
afterEach(async () => {
  await place.dispose();
  for (const db of databases.splice(0)) db.close();
});

function database(machine: string, folder = '.claude-mem'): MemDatabase {
  const root = path.join(place.home(machine), folder);
  mkdirSync(root, { recursive: true });
  const db = new MemDatabase(path.join(root, 'claude-mem.db'), '13.25.3');
  databases.push(db);
  return db;
}

describe('claude-mem on two machines', () => {
  it('has the same rows, as they are written, wherever its folder is', async () => {
    const a = await place.start('a');
    const b = await place.start('b', { live: false, env: { CLAUDE_MEM_DATA_DIR: path.join(place.home('b'), 'elsewhere') } });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee', trust_own: true });
    const [dbA, dbB] = [database('a'), database('b', 'elsewhere')];
    dbA.session('s');
    dbA.observation('s', 'one');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    expect(dbB.rows()).toEqual(dbA.rows());
    expect((await ask(a, 'status', {})).spaces[0]?.sources.at(-1)).toMatchObject({ id: 'claude-mem', state: 'ok' });
    await b.start();
    dbB.observation('s', 'two');
    await until(() => dbA.get<number>('SELECT count(*) FROM observations') === 2);
    dbA.run("DELETE FROM observations WHERE title = 'one'");
    await until(() => dbB.get<number>('SELECT count(*) FROM observations') === 1);
    expect(dbB.rows()).toEqual(dbA.rows());
    const { checks } = await ask(b, 'doctor', {});
    expect(checks.find(({ id }) => id === 'source:claude-mem')).toMatchObject({ result: 'ok' });
  });

  it('is carried whole where its settings name a gateway and its release reads no such settings', async () => {
    const root = path.join(place.home('a'), '.claude-mem');
    mkdirSync(root, { recursive: true });
    const db = new MemDatabase(path.join(root, 'claude-mem.db'), '13.11.0');
    databases.push(db);
    const settings = { TOKEN: 't', USER_ID: 'me', HUB_URL: 'http://127.0.0.1:1/claude-mem' };
    const prefixed = Object.entries(settings).map(([key, value]) => [`CLAUDE_MEM_CLOUD_SYNC_${key}`, value]);
    writeFileSync(path.join(root, 'settings.json'), JSON.stringify(Object.fromEntries(prefixed)));
    db.session('s');
    db.observation('s', 'one');
    const a = await place.start('a');
    await ask(a, 'sync', {});
    expect(await [...a.spaces.values()][0]?.replica.list({ prefix: 'claude-mem/observations/' })).toHaveLength(1);
  });

  it('is left alone where the user says so', async () => {
    mkdirSync(path.join(place.home('a'), '.satchel'), { recursive: true, mode: 0o700 });
    const config = JSON.stringify({ claude: { categories: { 'claude-mem': false } } });
    writeFileSync(path.join(place.home('a'), '.satchel/config.json'), config, { mode: 0o600 });
    database('a').session('s');
    const a = await place.start('a');
    await ask(a, 'sync', {});
    expect([...a.spaces.values()][0]?.rows).toEqual([]);
    expect(await [...a.spaces.values()][0]?.replica.list({ prefix: 'claude-mem/' })).toEqual([]);
  });

  it('stops nothing else where its database is broken, and is told', async () => {
    const root = path.join(place.home('a'), '.claude-mem');
    mkdirSync(root, { recursive: true });
    writeFileSync(path.join(root, 'claude-mem.db'), 'this is no database at all, but something else'.repeat(100));
    const a = await place.start('a', { live: false });
    await a.ensurePersonalSpace();
    await place.write('a', 'Be kind.\n');
    await ask(a, 'sync', {});
    expect(await [...a.spaces.values()][0]?.replica.list({ prefix: 'CLAUDE.md' })).toHaveLength(1);
    const status = (await ask(a, 'status', {})).spaces[0]?.sources.at(-1);
    expect(status).toMatchObject({ id: 'claude-mem', state: 'failed', detail: expect.stringContaining('not a database') as string });
  });
});

describe('a worker that syncs by itself', () => {
  const settings = (values: Record<string, string>): void =>
    writeFileSync(path.join(place.home('a'), '.claude-mem', 'settings.json'), JSON.stringify(values));
  const through = (url: string) => ({
    ...{ CLAUDE_MEM_CLOUD_SYNC_TOKEN: 't', CLAUDE_MEM_CLOUD_SYNC_USER_ID: 'ada', CLAUDE_MEM_CLOUD_SYNC_HUB_URL: url },
  });
  const sessionsOnly = (node: SatchelNode): unknown => [...node.spaces.values()][0]?.rows.map(({ definition }) => definition.sessionsOnly);

  it('through any gateway of Satchel leaves its rows to it, whoever wrote the settings, and whenever', async () => {
    database('a').session('s');
    settings(through('https://hub.example/claude-mem/'));
    const a = await place.start('a');
    expect(sessionsOnly(a)).toEqual([true]);
    settings({});
    await until(() => JSON.stringify(sessionsOnly(a)) === '[false]');
    settings({ env: through('http://127.0.0.1:4600/claude-mem') } as never);
    await until(() => JSON.stringify(sessionsOnly(a)) === '[true]');
    // Not switched on: the worker does nothing without all three.
    settings({ ...through('https://hub.example/claude-mem'), CLAUDE_MEM_CLOUD_SYNC_TOKEN: '' });
    await until(() => JSON.stringify(sessionsOnly(a)) === '[false]');
  });

  it('through another node pushes what was to stay as well, which doctor says', async () => {
    database('a').session('s');
    settings(through('https://hub.example/claude-mem'));
    const a = await place.start('a');
    await ask(a, 'claude-mem-project-place', { project: 'diary', to: { type: 'local' } });
    const { checks } = await ask(a, 'doctor', {});
    expect(checks.find(({ id }) => id === 'claude-mem.pushed-anyway')).toMatchObject({
      severity: 'high',
      evidence: ['diary: was to stay on this machine'],
    });
    const { hints } = await ask(a, 'search', { query: 'nowhere at all' });
    expect(hints).toEqual([
      expect.stringContaining('(diary)'),
      expect.stringMatching(/^Not searched: .* at hub\.example as .*: they are in no space$/),
    ]);
  });

  it('with something else is carried, and doctor says that there are two ways', async () => {
    database('a').session('s');
    settings(through('https://sync.cloud.example/v2'));
    const a = await place.start('a');
    expect(sessionsOnly(a)).toEqual([false]);
    const { checks } = await ask(a, 'doctor', {});
    expect(checks.find(({ id }) => id === 'claude-mem.two-paths')).toMatchObject({ evidence: ['its settings name sync.cloud.example'] });
  });
});
