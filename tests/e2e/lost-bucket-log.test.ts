import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { startPostgres, type PostgresServer } from '../services/postgres.ts';
import { Machine, makeRoot, until } from './machine.ts';

const RULES = 16;

describe('a hub whose bucket lost every other blob', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, program)) as [Machine, Machine];
  let store: S3Double;
  let server: PostgresServer;
  let hub: Machine;
  let port = '';
  let lost: string[] = [];

  const blobs = (): Map<string, Uint8Array> => store.buckets.get('bucket') as Map<string, Uint8Array>;
  const ofLog = (): string[] =>
    [...blobs().keys()].filter((name) => name.startsWith('team/chunks/') && /\/(?:log|packs)\//.test(name)).toSorted();
  const verdict = async (machine: Machine): Promise<string> => (await machine.runAsking(['status'])).stdout.split('\n')[0] ?? '';
  const startHub = (at: string): Promise<unknown> =>
    hub.start(['up', '--hub', '--port', at, '--objects', `s3://bucket/team?endpoint=${store.endpoint}`]);

  beforeAll(async () => {
    store = await startS3Double();
    server = await startPostgres();
    const database = await server.createDatabase();
    hub = new Machine(root, 'hub', program, {
      SATCHEL_S3_ACCESS_KEY_ID: store.accessKeyId,
      SATCHEL_S3_SECRET_ACCESS_KEY: store.secretAccessKey,
      SATCHEL_STORE: database.url,
      SATCHEL_STORE_PASSWORD: database.password,
    });
    await startHub('0');
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    await ana.start();
    const { address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
    port = new URL(address).port;
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
    for (let n = 0; n < RULES; n++) {
      ana.write(`rules/n${n}.md`, `rule ${n}\n`);
      await ana.ask(['sync']);
    }
  });
  afterAll(async () => {
    await Promise.all([hub, ana, bea].map((machine) => machine.kill()));
    await store.close();
    await server.dispose();
    remove();
  });

  it('goes on with the rest where an index is made anew, writes into no gap, and is brought what a machine has', async () => {
    await hub.stop();
    for (const suffix of ['', '-wal', '-shm']) rmSync(path.join(hub.store, `bucket-index.db${suffix}`), { force: true });
    const entries = ofLog().filter((name) => name.includes('/log/'));
    expect(entries.length).toBeGreaterThanOrEqual(RULES);
    lost = ofLog().filter((_, at) => at % 2 === 1);
    for (const name of lost) blobs().delete(name);
    const highest =
      ofLog()
        .filter((name) => name.includes('/log/'))
        .at(-1) ?? '';
    await startHub(port);
    ana.write('rules/after.md', 'after\n');
    await until('ana is in sync', async () => (await verdict(ana)).startsWith('In sync'));
    expect((await ana.runAsking(['sync'])).code).toBe(0);
    await until('all is sound', async () => (await hub.run(['store', 'verify', '--read-data'])).code === 0);
    expect([...blobs().keys()].filter((name) => lost.includes(name) && name.includes('/log/') && name < highest)).toEqual([]);
    expect(readFileSync(path.join(hub.store, 'node.log'), 'utf8')).toContain('the bucket lost entries of the log of encrypted bodies');
    expect((await hub.runAsking(['status', '--hub'])).stdout).not.toContain('Not well');
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea', '--yes']);
    await until('bea has all', () =>
      [...Array.from({ length: RULES }, (_, n) => `n${n}`), 'after'].every((name) => bea.read(`rules/${name}.md`) !== null),
    );
    expect(bea.read('rules/n3.md')).toBe('rule 3\n');
  });
});
