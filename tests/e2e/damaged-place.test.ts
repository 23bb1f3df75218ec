import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { Machine, makeRoot, until } from './machine.ts';

describe('a git repository that is damaged', () => {
  const { root, remove } = makeRoot();
  const ana = new Machine(root, 'ana', inject('program'), { GIT_CONFIG_NOSYSTEM: '1' });
  const repository = path.join(root, 'space.git');
  const whole = `${repository}-whole`;
  const stick = path.join(root, 'stick');
  const address = `git+file://${repository}`;
  const git = (...args: string[]): string => execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim();
  let branch = '';

  beforeAll(async () => {
    execFileSync('git', ['init', '--quiet', '--bare', repository]);
    mkdirSync(stick);
    ana.write('CLAUDE.md', 'at home\n');
    await ana.start();
    await ana.ask(['remotes', 'add', address]);
    await ana.ask(['remotes', 'add', stick]);
    await ana.ask(['spaces', 'move', 'personal', address]);
    await ana.ask(['sync']);
    await ana.stop();
    branch = git('for-each-ref', '--format=%(refname)', 'refs/heads/satchel/space');
    cpSync(repository, whole, { recursive: true });
  });
  afterAll(async () => {
    await ana.kill();
    remove();
  });

  function restored(): void {
    rmSync(repository, { recursive: true });
    cpSync(whole, repository, { recursive: true });
  }
  const BACK = 'Put it back there as it was';
  const AWAY = 'satchel spaces move personal REMOTE --lost';

  it.each([
    [
      'whose branch points to a commit that is not there',
      /the repository is damaged/,
      () => {
        const oid = git('rev-parse', branch);
        rmSync(path.join(repository, 'objects', oid.slice(0, 2), oid.slice(2)));
        // This machine has it in its cache, as no other one would.
        rmSync(path.join(ana.store, 'git'), { recursive: true });
      },
    ],
    [
      'whose branch somebody pushed to',
      /holds what Satchel did not write there/,
      () => {
        const ident = ['-c', 'user.name=x', '-c', 'user.email=x@x'];
        git('update-ref', branch, git(...ident, 'commit-tree', '-m', 'mine', '-p', branch, `${branch}^{tree}`));
      },
    ],
  ] as const)('%s: named by whatever is asked, with what to do, and in sync when it is put back', async (_what, says, damage) => {
    restored();
    damage();
    const { code, stderr } = await ana.runAsking(['sync']);
    expect([code, stderr]).toEqual([5, expect.stringMatching(says)]);
    expect(stderr).toContain(BACK);
    expect(stderr).toContain(AWAY);
    await ana.start();
    await until('status says so', async () => says.test((await ana.runAsking(['status'])).stdout));
    const status = await ana.runAsking(['status']);
    expect([status.code, status.stdout]).toEqual([1, expect.stringContaining(AWAY)]);
    const doctor = await ana.runAsking(['doctor']);
    expect([doctor.code, doctor.stdout]).toEqual([
      1,
      expect.stringMatching(new RegExp(`FAIL space\\.remote:personal: .*${says.source}[^]*→ ${BACK}`)),
    ]);
    expect(doctor.stdout).not.toContain('Compare versions');
    for (const args of [
      ['spaces', 'move', 'personal', stick],
      ['spaces', 'move', 'personal', address, '--lost'],
    ]) {
      const moved = await ana.run(args);
      expect([args, moved.code, moved.stderr]).toEqual([args, 5, expect.stringContaining(AWAY)]);
    }
    restored();
    ana.write('rules/a.md', `${says}\n`);
    await until('it goes on by itself', async () => (await ana.runAsking(['status'])).stdout.startsWith('In sync with'));
    await ana.stop();
    rmSync(whole, { recursive: true });
    cpSync(repository, whole, { recursive: true });
  });

  it('is left for another place with all that the machine has', async () => {
    rmSync(path.join(repository, 'objects'), { recursive: true });
    mkdirSync(path.join(repository, 'objects'));
    rmSync(path.join(ana.store, 'git'), { recursive: true });
    const moved = await ana.runAsking(['spaces', 'move', 'personal', stick, '--lost']);
    expect([moved.code, moved.stdout]).toEqual([0, expect.stringContaining(`personal is kept at folder:${stick} now.`)]);
    expect((await ana.runAsking(['sync'])).code).toBe(0);
    expect((await ana.run(['store', 'verify', '--full'])).code).toBe(0);
  });
});

describe('a bucket with a segment of its log that was written over', () => {
  const { root, remove } = makeRoot();
  const stick = path.join(root, 'stick');
  let store: S3Double;
  let ana: Machine;
  let address = '';
  const AWAY = 'satchel spaces move personal REMOTE --lost';

  beforeAll(async () => {
    store = await startS3Double();
    address = `s3://bucket/team?endpoint=${store.endpoint}`;
    ana = new Machine(root, 'ana', inject('program'), {
      SATCHEL_S3_ACCESS_KEY_ID: store.accessKeyId,
      SATCHEL_S3_SECRET_ACCESS_KEY: store.secretAccessKey,
    });
    mkdirSync(stick);
    ana.write('CLAUDE.md', 'at home\n');
    await ana.start();
    await ana.ask(['remotes', 'add', address]);
    await ana.ask(['remotes', 'add', stick]);
    await ana.ask(['spaces', 'move', 'personal', address]);
    await ana.ask(['sync']);
    await ana.stop();
  });
  afterAll(async () => {
    await ana.kill();
    await store.close();
    remove();
  });

  it('is named with the way out, which whoever asks to move is told too, and which works', async () => {
    const blobs = store.buckets.get('bucket') as Map<string, Uint8Array>;
    const segments = [...blobs.keys()].filter((name) => /\/log\/\d+$/.test(name)).toSorted();
    expect(segments).not.toEqual([]);
    blobs.set(segments.at(-1) as string, Buffer.from('garbage'));
    for (const args of [['sync'], ['spaces', 'move', 'personal', stick], ['spaces', 'move', 'personal', address, '--lost']]) {
      const { code, stderr } = await ana.run(args);
      expect([args, code, stderr]).toEqual([
        args,
        5,
        expect.stringMatching(/the blob .* of the bucket is damaged .*\nPut it back there as it was/),
      ]);
      expect(stderr).toContain(AWAY);
    }
    const doctor = await ana.runAsking(['doctor']);
    expect([doctor.code, doctor.stdout]).toEqual([
      1,
      expect.stringMatching(/FAIL space\.remote:personal: the blob .* is damaged[^]*→ Put it back/),
    ]);
    const moved = await ana.runAsking(['spaces', 'move', 'personal', stick, '--lost']);
    expect([moved.code, moved.stdout]).toEqual([0, expect.stringContaining(`personal is kept at folder:${stick} now.`)]);
    expect((await ana.run(['store', 'verify', '--full'])).code).toBe(0);
  });
});
