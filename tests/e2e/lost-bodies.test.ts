import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { startPostgres, type PostgresServer } from '../services/postgres.ts';
import { Machine, makeRoot, until } from './machine.ts';

const RULES = 12;

describe('a hub whose bucket lost bodies', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  const [ana, bea, carl] = ['ana', 'bea', 'carl'].map((name) => new Machine(root, name, program)) as [Machine, Machine, Machine];
  let store: S3Double;
  let server: PostgresServer;
  let hub: Machine;
  let address = '';

  const blobs = (): Map<string, Uint8Array> => store.buckets.get('bucket') as Map<string, Uint8Array>;
  const packs = (): string[] => [...blobs().keys()].filter((name) => name.startsWith('team/chunks/') && name.includes('/packs/'));
  const firstLine = async (machine: Machine): Promise<[number | null, string | undefined]> => {
    const { code, stdout } = await machine.runAsking(['status']);
    return [code, stdout.split('\n')[0]];
  };

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
    await hub.start(['up', '--hub', '--port', '0', '--objects', `s3://bucket/team?endpoint=${store.endpoint}`]);
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    await ana.start();
    address = (await ana.ask<{ address: string }>(['remotes', 'add', '-'], link)).address;
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
    ana.write('rules/n0.md', 'the first\n');
    await ana.ask(['sync']);
  });
  afterAll(async () => {
    await Promise.all([hub, ana, bea, carl].map((machine) => machine.kill()));
    await store.close();
    await server.dispose();
    remove();
  });

  it('has those say so who miss them, in the first line, and whoever joins', async () => {
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea', '--yes']);
    await until('bea has the first one', () => bea.read('rules/n0.md') !== null);
    await bea.stop();
    const before = new Set(packs());
    for (let n = 1; n < RULES; n++) {
      ana.write(`rules/n${n}.md`, randomBytes(150_000).toString('hex'));
      if (n % 3 === 2) await ana.ask(['sync']);
    }
    await ana.ask(['sync']);
    await ana.stop();
    const [spared = '', ...lost] = packs().filter((name) => !before.has(name));
    expect(lost.length).toBeGreaterThan(1);
    for (const name of lost) blobs().delete(name);
    const bytes = Buffer.from(blobs().get(spared) as Uint8Array);
    bytes.writeUInt8(bytes.readUInt8(1_000) ^ 1, 1_000);
    blobs().set(spared, bytes);

    const looked = await hub.run(['store', 'verify']);
    expect([looked.code, looked.stdout]).toEqual([
      0,
      expect.stringMatching(/Everything that was looked at is sound.*satchel store verify --read-data/),
    ]);
    const read = await hub.run(['store', 'verify', '--read-data']);
    expect([read.code, read.stdout]).toEqual([
      1,
      expect.stringMatching(/\d+ objects that the log of space \w+ names are damaged[^]*bring them again/),
    ]);

    await bea.start();
    const verdict =
      /^Not in sync: (\d+) items wait for bodies that 127\.0\.0\.1:\d+ does not have\. On a machine that has them, run: satchel sync$/;
    await until('bea says so', async () => verdict.test((await firstLine(bea))[1] ?? ''));
    expect((await firstLine(bea))[0]).toBe(1);
    const asked = await hub.runAsking(['status', '--hub']);
    expect([asked.code, asked.stdout]).toEqual([
      1,
      expect.stringMatching(/^Not well: \d+ encrypted bodies that logs need are missing or damaged here/),
    ]);
    const synced = await bea.runAsking(['sync']);
    expect([synced.code, synced.stdout]).toEqual([1, expect.stringContaining('does not have')]);
    const doctor = await bea.runAsking(['doctor']);
    expect([doctor.code, doctor.stdout]).toEqual([
      1,
      expect.stringMatching(
        /FAIL space\.bodies:personal: \d+ items wait for bodies that 127\.0\.0\.1:\d+ does not have[^]*rules\/n[^]*→ On a machine that has them, run: satchel sync\. Where none has them any more: satchel spaces move personal REMOTE --lost/,
      ),
    ]);
    expect(doctor.stdout).not.toContain('tries again by itself');
    const invited = await bea.ask<{ link: string }>(['invite']);
    const joined = await carl.run(['join', invited.link, '--name', 'carl', '--yes', '--once']);
    expect([joined.code, joined.stdout]).toEqual([
      0,
      expect.stringMatching(/Not everything could be put in place: \d+ items wait for bodies that 127/),
    ]);
  });

  it('is given them again by a machine that has them, and all is in place', async () => {
    await ana.start();
    await until('bea has all of them', () =>
      Array.from({ length: RULES }, (_, n) => `rules/n${n}.md`).every((name) => bea.read(name) === ana.read(name)),
    );
    await until('bea is in sync', async () => (await firstLine(bea))[1]?.startsWith('In sync') === true);
    expect((await firstLine(bea))[0]).toBe(0);
    expect((await carl.runAsking(['sync'])).code).toBe(0);
    expect(carl.files().filter((name) => name.startsWith('rules/'))).toHaveLength(RULES);
    expect((await hub.run(['store', 'verify', '--read-data'])).code).toBe(0);
  });

  it('can be left for another remote with what is here, once it is said that nobody has the rest', async () => {
    // A version that only its writer has, who is gone for good, and so is what the bucket had of it.
    await bea.stop();
    ana.write('rules/n1.md', randomBytes(600_000).toString('hex'));
    await ana.ask(['sync']);
    ana.write('rules/n1.md', 'the last version\n');
    await ana.ask(['sync']);
    await ana.stop();
    for (const name of packs()) blobs().delete(name);
    await bea.start();
    await until('bea has the last version', () => bea.read('rules/n1.md') === 'the last version\n');
    const stick = path.join(root, 'stick');
    mkdirSync(stick);
    await bea.ask(['remotes', 'add', stick]);
    const refused = await bea.runAsking(['spaces', 'move', 'personal', stick]);
    expect([refused.code, refused.stderr]).toEqual([5, expect.stringMatching(/encrypted bod.*, of rules\/n\d+\.md[^]*--lost/)]);
    expect((await bea.runAsking(['spaces'])).stdout).toContain(address);
    const moved = await bea.runAsking(['spaces', 'move', 'personal', stick, '--lost']);
    expect([moved.code, moved.stderr, moved.stdout]).toEqual([
      0,
      '',
      expect.stringMatching(/^personal is kept at folder:.* now\.\nWithout \d+ encrypted bod.*, of rules\/n1\.md/),
    ]);
    await until('bea is in sync', async () => (await firstLine(bea))[1]?.startsWith('In sync') === true);
    expect(bea.read('rules/n1.md')).toBe('the last version\n');
    expect(bea.read('rules/n3.md')).toBe(ana.read('rules/n3.md'));
  });

  it.each([['here'], ['another stick']])('can be moved on to %s without them, and nothing is taken from its place', async (to) => {
    const place = to === 'here' ? 'here' : path.join(root, 'stick-2');
    if (to !== 'here') {
      mkdirSync(place);
      await bea.ask(['remotes', 'add', place]);
    }
    const before = bea.files();
    const refused = await bea.runAsking(['spaces', 'move', 'personal', place]);
    if (refused.code !== 0) {
      expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining('--lost')]);
      const moved = await bea.runAsking(['spaces', 'move', 'personal', place, '--lost']);
      expect([moved.code, moved.stderr]).toEqual([0, '']);
    }
    expect((await bea.runAsking(['sync'])).code).toBe(0);
    expect(bea.files()).toEqual(before);
    expect(bea.read('rules/n1.md')).toBe('the last version\n');
  });
});
