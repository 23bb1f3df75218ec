import path from 'node:path';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { askMneme } from '../gateways/mneme-place.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { Machine, makeRoot, until } from './machine.ts';

interface Serves {
  readonly url: string;
  readonly token: { readonly token: string };
}

interface Found {
  readonly hits: readonly { readonly snippet: string }[];
  readonly hints: readonly string[];
}

const PROJECT = '-home-me-app';
const SPACE = `mneme/${PROJECT}`;

/** docs/decisions/0018: hubs on a shared database are members of nothing; who is one stands beside them, with a store of its own. */
describe('a member beside hubs on a shared database', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  const beside = new Machine(root, 'beside', program);
  let server: PostgresServer;
  let database: TestDatabase;
  let hub: Machine;
  let token = '';
  let url = '';

  /** As a client does, under its lock. */
  async function push(facts: readonly string[]): Promise<void> {
    const content = JSON.stringify(facts.map((fact) => ({ ts: '2026-11-22T02:00:00Z', type: 'fact', content: fact })));
    const steps = [
      ['POST', 'lock', undefined],
      ['PUT', 'files/remembered.json', JSON.stringify({ content })],
      ['DELETE', 'lock', undefined],
    ] as const;
    for (const [method, what, body] of steps) {
      const given = { key: token, client: 'laptop', ...(body === undefined ? {} : { body }) };
      expect((await askMneme(url, method, `/projects/${PROJECT}/${what}`, given)).status).toBe(200);
    }
  }
  const found = async (machine: Machine, word: string): Promise<readonly string[]> =>
    (await machine.ask<Found>(['search', word])).hits.map(({ snippet }) => snippet);

  beforeAll(async () => {
    server = await startPostgres();
    database = await server.createDatabase();
    hub = new Machine(root, 'hub', program, { SATCHEL_STORE: database.url, SATCHEL_STORE_PASSWORD: database.password });
    mkdirSync(hub.store, { mode: 0o700 });
    writeFileSync(path.join(hub.store, 'config.json'), '{"hub": true}', { mode: 0o600 });
    await hub.start();
    await beside.start(['up', '--hub', '--port', '0']);
    const served = await beside.ask<Serves>(['mneme', 'serve', '--name', 'laptop', '--port', '0']);
    [url, token] = [served.url, served.token.token];
    await push(['the walrus lives here']);
  });
  afterAll(async () => {
    await Promise.all([hub, beside].map((machine) => machine.kill()));
    await server.dispose();
    remove();
  });

  it('keeps its projects at the hubs, and serves and finds them as before', async () => {
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    const { address } = await beside.ask<{ address: string }>(['remotes', 'add', '-'], link);
    expect(await beside.ask(['spaces', 'move', SPACE, address])).toMatchObject({ name: SPACE, to: address, moved: true });
    await push(['the walrus lives here', 'and a seal']);
    expect(await found(beside, 'walrus')).toEqual(['the walrus lives here']);
    expect(await found(beside, 'seal')).toEqual(['and a seal']);
    await until('the hub has it', async () => {
      const { keeps } = await hub.ask<{ keeps: readonly { readonly records: number }[] }>(['status']);
      return (keeps[0]?.records ?? 0) >= 4; // genesis, move, and two commits
    });
  });

  it('goes on while no hub is there, and brings what was pushed meanwhile', async () => {
    const { address } = JSON.parse(readFileSync(path.join(hub.store, 'running.json'), 'utf8')) as { address: string };
    await hub.stop();
    await push(['the walrus lives here', 'and a seal', 'and an otter']);
    expect(await found(beside, 'otter')).toEqual(['and an otter']);
    await hub.start(['up', '--port', new URL(address).port]);
    await until('it is in sync', async () => (await beside.runAsking(['status'])).code === 0);
  });

  it('is where to search, as the hubs say: they can read nothing', async () => {
    const { hits, hints } = await hub.ask<Found>(['search', 'walrus']);
    expect([hits, hints]).toEqual([[], [expect.stringContaining('member of no space')]]);
    expect(await hub.ask(['store', 'reindex'])).toMatchObject({ items: 0 });
    const tables = await server.query(database.database, 'select count(*)::int as n from satchel.index_words');
    expect(tables).toEqual([{ n: 0 }]);
  });

  it('does not become one of them, and is told how it goes there instead', async () => {
    await beside.stop();
    const { url: to } = await server.createDatabase();
    const refused = await beside.run(['store', 'migrate', '--to', to, '--dry-run']);
    expect([refused.code, refused.stderr]).toEqual([
      5,
      expect.stringMatching(/keeps spaces of its own \(mneme\/-home-me-app\)[^]*satchel spaces move/),
    ]);
  });
});
