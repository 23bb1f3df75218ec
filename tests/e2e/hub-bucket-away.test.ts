import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { HubStatus } from '../../src/node/operations/hub-status.ts';
import { startS3Double, type Fault, type S3Double } from '../doubles/s3-double.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { editsTravel } from './edits-travel.ts';
import { Machine, makeRoot, until } from './machine.ts';

/** Milliseconds that whoever asks a hub how it is waits at most, with a bucket that never answers, on a machine that is busy. */
const BOUND = 25_000;

describe('a hub whose bucket is away', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  let store: S3Double;
  let server: PostgresServer;
  let database: TestDatabase;
  let fault: Fault | null = null;
  let hub: Machine;
  let up: string[];
  const [ana, bea] = [new Machine(root, 'ana', program), new Machine(root, 'bea', program)];

  beforeAll(async () => {
    store = await startS3Double({ fault: () => fault });
    server = await startPostgres();
    database = await server.createDatabase();
    hub = new Machine(root, 'hub', program, {
      SATCHEL_S3_ACCESS_KEY_ID: store.accessKeyId,
      SATCHEL_S3_SECRET_ACCESS_KEY: store.secretAccessKey,
      SATCHEL_STORE_PASSWORD: database.password,
      SATCHEL_METRICS: 'true',
    });
    await hub.start(['up', '--hub', '--port', '0', '--store', database.url, '--objects', `s3://bucket/team?endpoint=${store.endpoint}`]);
    expect(hub.output).not.toContain('does not answer');
    const port = new URL(addressOf(hub)).port;
    up = ['up', '--port', port];
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    ana.write('CLAUDE.md', 'kept by a hub\n');
    await ana.start();
    const added = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
    expect((await ana.runAsking(['spaces', 'move', 'personal', added.address])).code).toBe(0);
    const invited = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', invited.link, '--name', 'bea', '--yes']);
    await until('bea has it', () => bea.read('CLAUDE.md') === 'kept by a hub\n');
  });
  afterAll(async () => {
    await Promise.all([hub, ana, bea].map((each) => each.kill()));
    await store.close();
    await server.dispose();
    remove();
  });

  const addressOf = (machine: Machine): string =>
    (JSON.parse(readFileSync(path.join(machine.store, 'running.json'), 'utf8')) as { address: string }).address;

  const health = async (route: string): Promise<unknown> => {
    const answer = await fetch(`${addressOf(hub)}${route}`);
    return [answer.status, await answer.json()];
  };

  const figure = async (): Promise<string | undefined> => {
    const token = readFileSync(path.join(hub.store, 'metrics-token'), 'utf8').trim();
    const answer = await fetch(`${addressOf(hub)}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    return /^satchel_bucket_up (\d)$/m.exec(await answer.text())?.[1];
  };

  async function timed<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const done = await work();
    expect(performance.now() - began).toBeLessThan(BOUND);
    return done;
  }

  const log = (): string => readFileSync(path.join(hub.store, 'node.log'), 'utf8');

  it.each<[string, Fault]>([
    ['breaks connections', 'drop'],
    ['never answers', 'silence'],
  ])('says so from its start on, serves the logs, and says when it is back: one that %s', async (_what, how) => {
    await hub.stop();
    fault = how;
    writeFileSync(path.join(hub.store, 'node.log'), '');
    await hub.start(up);
    await until('it says so', () => /s3:\/\/bucket.* does not answer/.test(hub.output));
    expect(hub.output).toMatch(/logs are served.*asked again by itself/i);
    expect(log()).toContain('the bucket does not answer');

    expect(await health('/healthz')).toEqual([200, { status: 'degraded', away: ['bucket'] }]);
    expect(await health('/readyz')).toMatchObject([
      503,
      { error: { code: 'unavailable', message: expect.stringContaining('bucket') as string } },
    ]);
    expect(await figure()).toBe('0');

    const status = await timed(() => hub.runAsking(['status', '--hub']));
    expect(status.code).toBe(1);
    expect(status.stdout).toMatch(/Not well: .*the bucket s3:\/\/bucket.* does not answer/);
    expect(status.stdout).toContain('Bring the bucket within reach');
    const facts = await timed(() => hub.ask<HubStatus>(['status', '--hub']));
    expect(facts).toMatchObject({
      well: false,
      store: { problem: null, bucket_problem: expect.any(String) as string },
      spaces: { count: 1, bytes: null },
    });
    expect(facts.spaces?.records).toBeGreaterThan(0);
    const plain = await timed(() => hub.runAsking(['status']));
    expect(plain.stdout).toContain('does not answer');
    const doctor = await timed(() => hub.runAsking(['doctor']));
    expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringMatching(/FAIL store\.bucket[^]*Bring the bucket within reach/)]);

    // What needs no body goes on.
    const { machines } = await ana.ask<{ machines: { name: string; role: string }[] }>(['machines']);
    const role = machines.find(({ name }) => name === 'bea')?.role === 'writer' ? 'owner' : 'writer';
    expect(await timed(() => ana.runAsking(['machines', 'role', 'bea', role]))).toMatchObject({ code: 0 });
    // What needs one waits, is said, and is lost nowhere.
    ana.write(`rules/${how}.md`, 'written while the bucket was away\n');
    await until('ana says so', async () => {
      const { code, stdout } = await ana.runAsking(['status']);
      return code === 1 && stdout.includes('the store behind this hub does not answer');
    });

    fault = null;
    await until('the hub says that it is back', () => /s3:\/\/bucket.* answers again/.test(hub.output));
    expect(log()).toContain('the bucket answers again');
    expect(await health('/healthz')).toEqual([200, { status: 'ok' }]);
    expect(await health('/readyz')).toEqual([200, { status: 'ok' }]);
    expect(await figure()).toBe('1');
    await until('it arrives', () => bea.read(`rules/${how}.md`) === 'written while the bucket was away\n');
    await until('all is well', async () => (await hub.ask<HubStatus>(['status', '--hub'])).store.bucket_problem === null);
    await editsTravel(ana, bea, `after ${how}`);
  });
});
