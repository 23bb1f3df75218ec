import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { Machine, makeRoot, until } from './machine.ts';

describe('keys of a bucket that are rotated while nodes run', () => {
  const { root, remove } = makeRoot();
  const [ana, bea, hub] = ['ana', 'bea', 'hub'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine, Machine];
  let store: S3Double;
  let secret = 'first';
  let bucket = '';

  /** What opens the bucket, in the file of a machine. */
  function says(machine: Machine, secretAccessKey: string): void {
    mkdirSync(machine.store, { recursive: true, mode: 0o700 });
    const entry = { accessKeyId: store.accessKeyId, secretAccessKey };
    writeFileSync(path.join(machine.store, 'buckets.json'), JSON.stringify({ [bucket]: entry }), { mode: 0o600 });
  }
  const verdict = async (machine: Machine): Promise<string> => (await machine.runAsking(['status'])).stdout;

  beforeAll(async () => {
    store = await startS3Double({ secret: () => secret });
    const marker = { format: 'satchel-bucket', version: 1, id: 'ab'.repeat(16), batchMs: 100 };
    store.buckets.get('bucket')?.set('team/satchel-bucket.json', Buffer.from(JSON.stringify(marker)));
    bucket = `s3://bucket?endpoint=${store.endpoint}`;
    for (const machine of [ana, bea, hub]) says(machine, secret);
  });
  afterAll(async () => {
    await Promise.all([ana, bea, hub].map((machine) => machine.kill()));
    await store.close();
    remove();
  });

  it('are taken from buckets.json by nodes whose space is kept there, and by no other environment', async () => {
    const home = bucket.replace('//bucket', '//bucket/team');
    ana.write('rules/one.md', 'one\n');
    await ana.start();
    await ana.ask(['remotes', 'add', home]);
    await ana.ask(['spaces', 'move', 'personal', home]);
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea', '--yes']);
    await until('bea has it', () => bea.read('rules/one.md') === 'one\n');
    secret = 'second';
    ana.write('rules/two.md', 'two\n');
    await until('ana is turned away', async () => (await verdict(ana)).includes('the secret does not belong to the access key'));
    const { checks } = await ana.ask<{ checks: { id: string; next_step: string | null }[] }>(['doctor']);
    const check = checks.find(({ id }) => id === 'space.remote:personal');
    expect(check?.next_step).toMatch(/buckets\.json[^]*reads that file anew[^]*environment[^]*started again/);
    for (const machine of [ana, bea]) says(machine, secret);
    await until('bea has what ana wrote, and nobody started anything', () => bea.read('rules/two.md') === 'two\n');
    await until('it says so', async () => (await verdict(ana)).startsWith('In sync'));
    secret = 'third';
    for (const machine of [ana, bea]) says(machine, secret);
    expect((await ana.runAsking(['sync'])).code).toBe(0);
  });

  it('are taken by a hub whose bodies lie there', async () => {
    says(hub, secret);
    await hub.start(['up', '--hub', '--port', '0', '--objects', bucket.replace('//bucket', '//bucket/hub')]);
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    const { address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
    await ana.ask(['spaces', 'move', 'personal', address]);
    await until('bea followed', async () => (await verdict(bea)).startsWith(`In sync with ${new URL(address).host}`));
    secret = 'fourth';
    ana.write('rules/three.md', 'three\n'.repeat(5_000));
    await until('the hub is turned away', async () => (await verdict(hub)).includes('the secret does not belong'));
    expect((await hub.runAsking(['status', '--hub'])).stdout).toMatch(/buckets\.json[^]*reads anew by itself/);
    says(hub, secret);
    await until('bea has it', () => bea.read('rules/three.md') === 'three\n'.repeat(5_000));
    await until('the hub says so', async () => (await hub.runAsking(['status', '--hub'])).code === 0);
  });
});
