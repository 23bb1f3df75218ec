import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startPostgres, type PostgresServer } from '../services/postgres.ts';
import { Machine, makeRoot } from './machine.ts';

/** Milliseconds that a command waits at most for a database that never answers, on a machine that is busy. */
const BOUND = 25_000;

describe('satchel store migrate to a database that hangs', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  let server: PostgresServer;
  let hub: Machine;
  const ana = new Machine(root, 'ana', program);

  beforeAll(async () => {
    server = await startPostgres();
    const { password } = await server.createDatabase();
    hub = new Machine(root, 'hub', program, { SATCHEL_STORE_PASSWORD: password });
    await hub.start(['up', '--hub', '--port', '0']);
    const { address } = await hub.ask<{ address: string }>(['status']);
    for (let n = 0; n < 400; n++) ana.write(`plans/plan-${n}.md`, randomBytes(100_000).toString('hex'));
    await ana.start();
    await ana.ask(['remotes', 'add', '-'], (await hub.ask<{ link: string }>(['invite', '--hub'])).link);
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
    await ana.stop();
    await hub.stop();
  });
  afterAll(async () => {
    server.resume();
    await Promise.all([hub, ana].map((machine) => machine.kill()));
    await server.dispose();
    remove();
  });

  /** Rows of a table; 0 where it is not there. */
  async function countOf(database: string, table: string): Promise<number> {
    const [found] = await server.query(database, `select to_regclass('satchel.${table}') is not null as there`);
    if (found?.['there'] !== true) return 0;
    return Number((await server.query(database, `select count(*) as count from satchel.${table}`))[0]?.['count']);
  }

  it('says so and ends soon, wherever it was; repeated, it goes on', async () => {
    const { url, database } = await server.createDatabase();
    const hangs = async (when: () => Promise<void>): Promise<void> => {
      const moving = hub.run(['store', 'migrate', '--to', url]);
      await when();
      server.pause();
      const began = performance.now();
      const { code, stdout, stderr } = await moving;
      expect(performance.now() - began).toBeLessThan(BOUND);
      expect([code, stdout, stderr]).toEqual([
        4,
        expect.stringMatching(/^postgres:.* does not answer: it is given \d s more\n/),
        expect.stringMatching(/does not answer: nothing comes back.*\nLook whether.*run the same again: the move goes on where it was/),
      ]);
      server.resume();
    };
    await hangs(async () => {
      for (let end = performance.now() + 60_000; (await countOf(database, 'objects')) < 8 && performance.now() < end;) await sleep(2);
    });
    expect(await countOf(database, 'objects')).toBeGreaterThan(0);
    await hangs(() => Promise.resolve());
    const { code, stdout } = await hub.run(['store', 'migrate', '--to', url]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Moved to postgres:/)]);
  });
});
