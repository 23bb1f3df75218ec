import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { Fault } from '../doubles/s3-double.ts';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { Machine, makeRoot, until } from './machine.ts';

const { root, remove } = makeRoot();
let store: S3Double;
let hub: Machine;
let ana: Machine;
let fault: Fault | null = null;

beforeAll(async () => {
  store = await startS3Double({ fault: () => fault });
  hub = new Machine(root, 'hub', inject('program'), {
    SATCHEL_S3_ACCESS_KEY_ID: store.accessKeyId,
    SATCHEL_S3_SECRET_ACCESS_KEY: store.secretAccessKey,
  });
  ana = new Machine(root, 'ana', inject('program'));
  await hub.start(['up', '--hub', '--port', '0', '--objects', `s3://bucket/team?endpoint=${store.endpoint}`]);
  const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
  ana.write('CLAUDE.md', 'kept by a hub\n');
  await ana.start();
  const { address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
  expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
});
afterAll(async () => {
  await Promise.all([hub, ana].map((each) => each.kill()));
  await store.close();
  remove();
});

it('a bucket that answers, and refuses: the hub’s health says that, and what it said, and not where it is', async () => {
  const { address } = JSON.parse(readFileSync(path.join(hub.store, 'running.json'), 'utf8')) as { address: string };
  const health = async (route: string): Promise<unknown> => {
    const answer = await fetch(`${address}${route}`);
    return [answer.status, await answer.json()];
  };
  fault = '403-suspended';
  ana.write('CLAUDE.md', 'written while the hub’s user of the bucket was suspended\n');
  await until('the hub says so', () => /does not let this hub in|UserSuspended/.test(hub.output));
  const message = 'the bucket behind this hub does not let it in (it answers UserSuspended, 403)';
  for (const route of ['/healthz', '/readyz']) expect(await health(route)).toEqual([503, { error: { code: 'unavailable', message } }]);
  expect(readFileSync(path.join(hub.store, 'node.log'), 'utf8')).not.toContain('the store does not answer');
  fault = null;
  await until('it is well again', async () => (await fetch(`${address}/healthz`)).status === 200);
});
