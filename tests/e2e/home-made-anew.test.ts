import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { shellWord } from '../../src/config/private-file.ts';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { editsTravel } from './edits-travel.ts';
import { Machine, makeRoot, until } from './machine.ts';

/** A home without a server, and what becomes of it when somebody makes it anew, with nothing in it. */
interface Place {
  readonly name: string;
  readonly open: (root: string) => Promise<{
    readonly address: string;
    readonly env: NodeJS.ProcessEnv;
    readonly makeAnew: () => void;
    readonly close: () => Promise<void>;
  }>;
}

const gitRepository: Place = {
  name: 'a git repository',
  async open(root) {
    const repository = path.join(root, 'space.git');
    const init = () => execFileSync('git', ['init', '--quiet', '--bare', repository]);
    init();
    return {
      address: `git+file://${repository}`,
      env: { GIT_CONFIG_NOSYSTEM: '1' },
      makeAnew() {
        renameSync(repository, `${repository}.old`);
        init();
      },
      close: async () => undefined,
    };
  },
};

const bucket: Place = {
  name: 'a bucket',
  async open() {
    const store: S3Double = await startS3Double();
    const blobs = store.buckets.get('bucket') as Map<string, Uint8Array>;
    const marker = { format: 'satchel-bucket', version: 1, id: 'ab'.repeat(16), batchMs: 100 };
    blobs.set('team/satchel-bucket.json', Buffer.from(JSON.stringify(marker)));
    return {
      address: `s3://bucket/team?endpoint=${store.endpoint}`,
      env: { SATCHEL_S3_ACCESS_KEY_ID: store.accessKeyId, SATCHEL_S3_SECRET_ACCESS_KEY: store.secretAccessKey },
      makeAnew: () => blobs.clear(),
      close: () => store.close(),
    };
  },
};

describe.each([gitRepository, bucket])('$name that was made anew', ({ open }) => {
  const { root, remove } = makeRoot();
  let place: Awaited<ReturnType<Place['open']>>;
  let [ana, bea]: readonly Machine[] = [];
  const machines = (): readonly [Machine, Machine] => [ana as Machine, bea as Machine];
  const firstLine = async (machine: Machine): Promise<string> => (await machine.runAsking(['status'])).stdout.split('\n')[0] ?? '';
  const remedy = (): string => `satchel spaces move personal ${shellWord(place.address)} --lost`;

  /** Nothing that mends itself: the doctor does not call it one. */
  async function isFailure(machine: Machine): Promise<void> {
    const { code, stdout } = await machine.runAsking(['doctor']);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/FAIL space\.remote:personal: /)]);
    expect(stdout).toContain(remedy());
    expect(stdout).not.toContain('tries again by itself');
  }

  beforeAll(async () => {
    place = await open(root);
    [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'), place.env));
    const [one, other] = machines();
    one.write('CLAUDE.md', 'at home\n');
    await one.start();
    await one.ask(['remotes', 'add', place.address]);
    expect((await one.runAsking(['spaces', 'move', 'personal', place.address])).code).toBe(0);
    const { link } = await one.ask<{ link: string }>(['invite']);
    await other.start(['join', link, '--name', 'bea', '--yes']);
    await until('bea has it', () => other.read('CLAUDE.md') === 'at home\n');
  });
  afterAll(async () => {
    await Promise.all(machines().map((machine) => machine.kill()));
    await place.close();
    remove();
  });

  it('is said by all, with what brings it back', async () => {
    place.makeAnew();
    const [one, other] = machines();
    const synced = await one.runAsking(['sync']);
    expect([synced.code, synced.stderr]).toEqual([4, expect.stringContaining(remedy())]);
    expect(await firstLine(one)).toMatch(/^Not syncing: /);
    for (const machine of [one, other]) await until(`${machine.name} says so`, async () => (await firstLine(machine)).includes(remedy()));
    const moved = await one.runAsking(['spaces', 'move', 'personal', place.address]);
    expect([moved.code === 0, moved.stderr]).toEqual([false, expect.stringContaining(remedy())]);
    for (const machine of [one, other]) await isFailure(machine);
  });

  it('says so after satchel remotes add too, which alone brings nothing back', async () => {
    const [one] = machines();
    const added = await one.runAsking(['remotes', 'add', place.address]);
    expect([added.code, added.stdout]).toEqual([0, expect.stringContaining(remedy())]);
    await isFailure(one);
    const synced = await one.runAsking(['sync']);
    expect([synced.code === 0, synced.stderr]).toEqual([false, expect.stringContaining(remedy())]);
    const moved = await one.runAsking(['spaces', 'move', 'personal', place.address]);
    expect([moved.code === 0, moved.stderr]).toEqual([false, expect.stringContaining(remedy())]);
  });

  it('is the home again by that one command, with all nodes running, which follow and can invite', async () => {
    const [one, other] = machines();
    const moved = await one.runAsking(['spaces', 'move', 'personal', place.address, '--lost']);
    expect([moved.code, moved.stdout]).toEqual([0, expect.stringContaining(`personal is kept at ${place.address} now.`)]);
    await until('both are in sync', async () =>
      (await Promise.all([one, other].map(firstLine))).every((line) => line.startsWith('In sync')),
    );
    await editsTravel(one, other, 'made anew');
    const { link } = await other.ask<{ link: string }>(['invite']);
    const carl = new Machine(root, 'carl', inject('program'), place.env);
    const joined = await carl.run(['join', link, '--name', 'carl', '--yes', '--once']);
    expect([joined.code, joined.stdout]).toEqual([0, expect.stringContaining('Joined')]);
    expect(carl.read('CLAUDE.md')).toBe('at home\n');
    await carl.kill();
  });
});
