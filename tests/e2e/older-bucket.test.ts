import { randomBytes } from 'node:crypto';
import { cpSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { HubStatus } from '../../src/node/operations/hub-status.ts';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { startPostgres, type PostgresServer } from '../services/postgres.ts';
import { Machine, makeRoot, until } from './machine.ts';

const RULES = 6;

describe('two hubs on one database and one bucket', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  const ana = new Machine(root, 'ana', program);
  let store: S3Double;
  let server: PostgresServer;
  let hub: Machine;
  let beside: Machine;
  let port = '';

  const blobs = (): Map<string, Uint8Array> => store.buckets.get('bucket') as Map<string, Uint8Array>;
  const wantedAt = async (at: Machine): Promise<number> => (await at.ask<HubStatus>(['status', '--hub'])).spaces?.wanted ?? -1;
  const bodiesAt = async (at: Machine): Promise<number | null> => (await at.ask<HubStatus>(['status', '--hub'])).spaces?.bytes ?? null;

  beforeAll(async () => {
    store = await startS3Double();
    server = await startPostgres();
    const database = await server.createDatabase();
    const env = {
      SATCHEL_S3_ACCESS_KEY_ID: store.accessKeyId,
      SATCHEL_S3_SECRET_ACCESS_KEY: store.secretAccessKey,
      SATCHEL_STORE: database.url,
      SATCHEL_STORE_PASSWORD: database.password,
    };
    hub = new Machine(root, 'hub', program, env);
    beside = new Machine(root, 'beside', program, env);
    await hub.start(['up', '--hub', '--port', '0', '--objects', `s3://bucket/team?endpoint=${store.endpoint}`]);
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    await ana.start();
    const { address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
    port = new URL(address).port;
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
    ana.write('rules/first.md', 'the first\n');
    await ana.ask(['sync']);
    // The other one has the same key.
    cpSync(path.join(hub.store, 'keys'), path.join(beside.store, 'keys'), { recursive: true });
    await beside.start(['up', '--hub', '--port', '0']);
  });
  afterAll(async () => {
    await Promise.all([hub, beside, ana].map((machine) => machine.kill()));
    await store.close();
    await server.dispose();
    remove();
  });

  it('of which one finds that bodies are lost: a machine that listens to the other one brings them, unasked', async () => {
    ana.write('rules/large.md', randomBytes(600_000).toString('hex'));
    await ana.ask(['sync']);
    const packs = [...blobs().keys()].filter((name) => name.includes('/packs/'));
    expect(packs.length).toBeGreaterThan(0);
    for (const name of packs) blobs().delete(name);
    expect((await beside.run(['store', 'verify', '--read-data'])).code).toBe(1);
    await until('they are there again', async () => (await beside.run(['store', 'verify', '--read-data'])).code === 0);
  });

  it('whose bucket is an older state when they start: what it lacks is wanted at once, and brought, unasked', async () => {
    const older = new Map(blobs());
    for (let n = 0; n < RULES; n++) {
      ana.write(`rules/n${n}.md`, `rule ${n}\n`);
      await ana.ask(['sync']);
    }
    const whole = await bodiesAt(hub);
    await hub.stop();
    await beside.stop();
    blobs().clear();
    for (const [name, bytes] of older) blobs().set(name, bytes);
    await hub.start(['up', '--hub', '--port', port]);
    await until('all is there again', async () => (await wantedAt(hub)) === 0 && (await bodiesAt(hub)) === whole);
    expect((await hub.run(['store', 'verify', '--read-data'])).code).toBe(0);
  });
});
