import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { editsTravel } from './edits-travel.ts';
import { Machine, makeRoot, until } from './machine.ts';

interface Spaces {
  readonly spaces: readonly { readonly name: string; readonly remote: string | null; readonly words: string }[];
}

const KILLS = 4;

describe('two machines with nothing but a bucket between them', () => {
  const { root, remove } = makeRoot();
  const opened: Machine[] = [];
  const machine = (name: string, env: NodeJS.ProcessEnv = {}): Machine => {
    const made = new Machine(root, name, inject('program'), env);
    opened.push(made);
    return made;
  };
  let store: S3Double;
  let isAway = false;
  let address = '';
  let secrets: NodeJS.ProcessEnv = {};
  let ana: Machine;
  let bea: Machine;

  beforeAll(async () => {
    store = await startS3Double({ fault: () => (isAway ? 'drop' : null) });
    // Looks and pushes are far less apart than in life, so that this test is short.
    const marker = { format: 'satchel-bucket', version: 1, id: 'ab'.repeat(16), batchMs: 100 };
    store.buckets.get('bucket')?.set('team/satchel-bucket.json', Buffer.from(JSON.stringify(marker)));
    address = `s3://bucket/team?endpoint=${store.endpoint}`;
    secrets = { SATCHEL_S3_ACCESS_KEY_ID: store.accessKeyId, SATCHEL_S3_SECRET_ACCESS_KEY: store.secretAccessKey };
    ana = machine('ana', secrets);
    bea = machine('bea', secrets);
    ana.write('CLAUDE.md', 'kept in a bucket\n');
    await ana.start();
  });
  afterAll(async () => {
    await Promise.all(opened.map((m) => m.kill()));
    await store.close();
    remove();
  });

  it('says whose environment has to open it', async () => {
    const bare = machine('bare');
    await bare.start();
    const { code, stderr } = await bare.runAsking(['remotes', 'add', address]);
    expect([code, stderr]).toEqual([
      5,
      expect.stringMatching(/set SATCHEL_S3_ACCESS_KEY_ID.*what the node of this machine was started with counts/),
    ]);
    writeFileSync(path.join(bare.store, 'buckets.json'), '{', { mode: 0o600 });
    const broken = await bare.runAsking(['remotes', 'add', address]);
    expect([broken.code, broken.stderr]).toEqual([2, expect.stringContaining('is not JSON')]);
    await bare.stop();
  });

  it('moves there, by an address without credentials', async () => {
    const wrong = await ana.runAsking(['remotes', 'add', address.replace('//bucket', `//me:hunter2@bucket`)]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('SATCHEL_S3_ACCESS_KEY_ID');
    expect(wrong.stderr).not.toContain('hunter2');
    expect(await ana.ask(['remotes', 'add', address])).toEqual({ address, made: true, lost_home_of: [], batch_ms: 100 });
    expect(await ana.ask(['remotes', 'add', address])).toEqual({ address, made: false, lost_home_of: [], batch_ms: 100 });
    const moved = await ana.runAsking(['spaces', 'move', 'personal', address]);
    expect([moved.code, moved.stdout]).toEqual([0, `personal is kept at ${address} now.\n`]);
    expect(await ana.ask(['remotes'])).toEqual({ remotes: [{ address, driver: 's3', here: null, home_of: ['personal'] }] });
    expect((await ana.runAsking(['remotes', 'remove', address])).code).toBe(5);
    await until('it is in sync', async () => (await ana.runAsking(['status'])).code === 0);
  });

  it('lets another machine in by a link, which says where and opens nothing', async () => {
    const { link } = await ana.ask<{ link: string }>(['invite']);
    expect(link.startsWith(`${address}#satchel1.`)).toBe(true);
    expect(link).not.toContain(store.secretAccessKey);
    const stranger = await machine('stranger').run(['join', link, '--once']);
    expect(stranger.code).toBe(5);
    expect(stranger.stderr).toMatch(/SATCHEL_S3_ACCESS_KEY_ID and SATCHEL_S3_SECRET_ACCESS_KEY, or write .*buckets\.json/);
    await bea.start(['join', link, '--name', 'bea']);
    await until('bea has what ana has', () => bea.read('CLAUDE.md') === 'kept in a bucket\n');
    await editsTravel(ana, bea, 'the bucket');
  });

  it('lets another machine in by words, with the bucket’s address', async () => {
    const { words } = await ana.ask<{ words: string }>(['invite']);
    const cem = machine('cem', secrets);
    const joined = await cem.run(['join', address, '--words', '-', '--name', 'cem', '--once'], words);
    expect([joined.code, joined.stderr]).toEqual([0, expect.not.stringContaining('Error')]);
    expect(cem.read('CLAUDE.md')).toBe('kept in a bucket\n');
  });

  it('goes on offline, and both catch up', async () => {
    isAway = true;
    ana.write('rules/offline.md', 'written by ana meanwhile\n');
    bea.write('rules/offline-bea.md', 'written by bea meanwhile\n');
    await until('ana says so', async () => (await ana.runAsking(['status'])).stdout.startsWith(`Not syncing: `));
    isAway = false;
    await until('both have both', () => bea.read('rules/offline.md') !== null && ana.read('rules/offline-bea.md') !== null);
    await editsTravel(ana, bea, 'back again');
    const [a, b] = await Promise.all([ana, bea].map((m) => m.ask<Spaces>(['spaces'])));
    expect(a?.spaces[0]?.words).toBe(b?.spaces[0]?.words);
  });

  it('is looked at by the doctor', async () => {
    const { checks } = await ana.ask<{ checks: { id: string; result: string }[] }>(['doctor']);
    expect(checks.find(({ id }) => id === 'space.remote:personal')).toMatchObject({ result: 'ok' });
  });

  it('loses nothing of a machine that is killed in the middle of what it sends', async () => {
    for (let round = 0; round < KILLS; round += 1) {
      const sent = store.requests.length;
      ana.write(`rules/last-${round}.md`, `last words ${round}\n`);
      await until('it began to send', () => store.requests.slice(sent).some((request) => request.startsWith('PUT ')), {
        every: 1,
        rest: 0,
      });
      await ana.kill();
      await ana.start();
    }
    const heard = (round: number): boolean => bea.read(`rules/last-${round}.md`) === `last words ${round}\n`;
    await until('bea has its last words', () => Array.from({ length: KILLS }, (_, round) => round).every(heard));
    await editsTravel(ana, bea, 'after all that');
    const [a, b] = await Promise.all([ana, bea].map((m) => m.ask<Spaces>(['spaces'])));
    expect(a?.spaces[0]?.words).toBe(b?.spaces[0]?.words);
  });

  it('says of a buckets.json that is damaged where, and what to do, by one exit code, whoever finds it; and goes on once it is mended', async () => {
    await ana.stop();
    const file = path.join(ana.store, 'buckets.json');
    writeFileSync(file, '{\n  "s3://bucket": {"accessKeyId": hidden}\n}', { mode: 0o600 });
    await ana.start();
    for (const command of [['remotes', 'add', address], ['sync']]) {
      const { code, stderr } = await ana.run(command);
      expect([command, code, stderr]).toEqual([
        command,
        2,
        expect.stringContaining(`${file}: is not JSON at line 2, column 34. Correct it there, or remove the file`),
      ]);
      expect(stderr).not.toContain('hidden');
    }
    const doctor = await ana.runAsking(['doctor']);
    expect([doctor.code, doctor.stdout]).toEqual([
      1,
      expect.stringMatching(/FAIL space\.remote:personal: .*buckets\.json: is not JSON at line 2/),
    ]);
    expect((await ana.runAsking(['status'])).stdout).toMatch(/Not syncing: .*buckets\.json: is not JSON at line 2, column 34/);
    rmSync(file);
    expect((await ana.runAsking(['sync'])).code).toBe(0);
    await editsTravel(ana, bea, 'once it is mended');
  });

  it('leaves nothing readable in the bucket, and no credentials on a disk', () => {
    const there = [...(store.buckets.get('bucket')?.values() ?? [])].map((bytes) => Buffer.from(bytes).toString('latin1')).join('\n');
    for (const word of ['kept in a bucket', 'says ana', 'rules/']) expect(there).not.toContain(word);
    for (const { store: folder } of [ana, bea]) {
      for (const name of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (name.isFile()) expect(readFileSync(path.join(name.parentPath, name.name), 'latin1')).not.toContain(store.secretAccessKey);
      }
    }
  });
});
