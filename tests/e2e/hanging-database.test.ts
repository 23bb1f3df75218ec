import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { HubStatus } from '../../src/node/operations/hub-status.ts';
import { startPostgres, type PostgresServer } from '../services/postgres.ts';
import { editsTravel } from './edits-travel.ts';
import { Machine, makeRoot, until } from './machine.ts';

/** Milliseconds that anybody waits at most for a hub whose database never answers, on a machine that is busy. */
const BOUND = 25_000;

describe('a hub whose database hangs', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  const [ana, bea] = [new Machine(root, 'ana', program), new Machine(root, 'bea', program)];
  let server: PostgresServer;
  let hub: Machine;
  let address = '';

  beforeAll(async () => {
    server = await startPostgres();
    const database = await server.createDatabase();
    hub = new Machine(root, 'hub', program, { SATCHEL_STORE: database.url, SATCHEL_STORE_PASSWORD: database.password });
    await hub.start(['up', '--hub', '--port', '0']);
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    ana.write('CLAUDE.md', 'kept by a hub\n');
    await ana.start();
    ({ address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link));
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
    const invited = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', invited.link, '--name', 'bea', '--yes']);
    await until('bea has it', () => bea.read('CLAUDE.md') === 'kept by a hub\n');
  });
  afterAll(async () => {
    server.resume();
    await Promise.all([hub, ana, bea].map((machine) => machine.kill()));
    await server.dispose();
    remove();
  });

  const log = (): string => readFileSync(path.join(hub.store, 'node.log'), 'utf8');

  async function health(route: string): Promise<unknown> {
    const answer = await fetch(`${address}${route}`);
    return [answer.status, answer.headers.get('retry-after') !== null, await answer.json()];
  }

  async function timed<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const done = await work();
    expect(performance.now() - began).toBeLessThan(BOUND);
    return done;
  }

  it('says so soon to all who ask, turns clients away who come again, and goes on when it answers', async () => {
    for (const round of ['the first time', 'again']) {
      server.pause();
      const away = [503, true, { error: { code: 'unavailable', message: expect.any(String) as string } }];
      expect(await timed(() => health('/healthz'))).toEqual(away);
      expect(await timed(() => health('/readyz'))).toEqual(away);
      const status = await timed(() => hub.runAsking(['status', '--hub']));
      expect([status.code, status.stdout.split('\n')[0]]).toEqual([
        1,
        expect.stringMatching(/Not well: the store does not serve: postgres:.* does not answer: .*nothing comes back/),
      ]);
      expect((await timed(() => hub.ask<HubStatus>(['status', '--hub']))).store.problem).toContain('does not answer');
      const { stdout } = await timed(() => hub.runAsking(['doctor']));
      expect(stdout).toMatch(
        /^1 of \d+ checks failed[^]*\nFAIL store\.database: .*does not answer.*\n +the node cannot be asked for that reason/,
      );
      expect(stdout.match(/does not answer/g)).toHaveLength(1);
      expect((await timed(() => hub.runAsking(['status']))).code).not.toBe(0);
      const synced = await timed(() => ana.runAsking(['sync']));
      expect([synced.code, synced.stderr]).toEqual([4, expect.stringContaining('the store behind this hub does not answer')]);
      ana.write('rules/outage.md', `written while the database hung, ${round}\n`);
      await until('ana says so', async () => (await ana.runAsking(['status'])).stdout.startsWith('Not syncing'));
      expect(log()).toContain('the database does not answer');

      server.resume();
      await until('bea has it', () => bea.read('rules/outage.md') === `written while the database hung, ${round}\n`);
      expect(await health('/readyz')).toEqual([200, false, { status: 'ok' }]);
      expect(log()).toContain('the database answers again');
      await editsTravel(ana, bea, `after that, ${round}`);
    }
    expect((await hub.ask<HubStatus>(['status', '--hub'])).store.problem).toBeNull();
    expect((await hub.ask<{ sound: boolean }>(['store', 'verify', '--read-data'])).sound).toBe(true);
  });
});
