import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { editsTravel } from './edits-travel.ts';
import { Machine, makeRoot, until } from './machine.ts';

describe('a hub that keeps chunks in a bucket', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  let store: S3Double;
  let server: PostgresServer;
  let database: TestDatabase;
  let isFailing = false;
  let isAway = false;
  let hub: Machine;
  let address = '';
  const opened: Machine[] = [];
  const machine = (name: string, env: NodeJS.ProcessEnv = {}): Machine => {
    const made = new Machine(root, name, program, env);
    opened.push(made);
    return made;
  };
  const [ana, bea] = [machine('ana'), machine('bea')];
  const chunks = (): string[] => [...(store.buckets.get('bucket')?.keys() ?? [])].filter((name) => name.startsWith('team/chunks/'));

  const hubSecrets = () => ({
    SATCHEL_S3_ACCESS_KEY_ID: store.accessKeyId,
    SATCHEL_S3_SECRET_ACCESS_KEY: store.secretAccessKey,
    SATCHEL_STORE_PASSWORD: database.password,
  });

  beforeAll(async () => {
    let count = 0;
    store = await startS3Double({ fault: () => (isAway ? 'drop' : isFailing && count++ % 3 === 0 ? '500-done' : null) });
    address = `s3://bucket/team?endpoint=${store.endpoint}`;
    server = await startPostgres();
    database = await server.createDatabase();
    hub = machine('hub', hubSecrets());
    await hub.start(['up', '--hub', '--port', '0']);
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    ana.write('CLAUDE.md', 'kept by a hub\n');
    await ana.start();
    const added = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
    expect((await ana.runAsking(['spaces', 'move', 'personal', added.address])).code).toBe(0);
  });
  afterAll(async () => {
    await Promise.all(opened.map((each) => each.kill()));
    await store.close();
    await server.dispose();
    remove();
  });

  let port = '';
  const portOf = (): string => {
    const { address } = JSON.parse(readFileSync(path.join(hub.store, 'running.json'), 'utf8')) as { address: string };
    return new URL(address).port;
  };

  const inBucket = (): number => chunks().reduce((sum, name) => sum + (store.buckets.get('bucket')?.get(name)?.length ?? 0), 0);
  const inFolder = (): number => {
    const folder = path.join(hub.store, 'objects');
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.pack'));
    return names.reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
  };

  /** Whoever forgets something is told that its bodies go from the hub. */
  async function forgets(bytes: () => number): Promise<void> {
    const before = bytes();
    ana.write('rules/secret.md', randomBytes(200_000).toString('hex'));
    await until('the hub has it', () => bytes() > before + 100_000);
    expect((await ana.run(['forget', 'rules/secret.md', '--yes'])).code).toBe(0);
    await until('its bytes are gone from the hub', () => bytes() < before + 100_000);
  }

  it('lets the bytes of what was erased go, with its folder', () => forgets(inFolder));

  it('takes what it had in its folder along, having probed the bucket', async () => {
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea', '--yes']);
    await until('bea has what ana has', () => bea.read('CLAUDE.md') === 'kept by a hub\n');
    port = portOf();
    await hub.stop();
    expect(chunks()).toEqual([]);
    await hub.start(['up', '--hub', '--port', port, '--objects', address]);
    const kept = `Encrypted bodies are kept in ${address} from now on: the store remembers it, so that --objects need not be given again.`;
    expect(hub.output).toContain(kept);
    expect(hub.output).toMatch(/\d+ encrypted bod(?:y|ies) of this store w(?:as|ere) copied there\./);
    expect(chunks().length).toBeGreaterThan(0);
    await hub.stop();
    await hub.start(['up', '--hub', '--port', port]);
    expect(hub.output).not.toContain('from now on');
    expect([...(store.buckets.get('bucket')?.keys() ?? [])].filter((name) => name.includes('probe'))).toEqual([]);
    rmSync(path.join(hub.store, 'objects'), { recursive: true });
    await editsTravel(ana, bea, 'the bucket');
    const carl = machine('carl');
    const invited = await ana.ask<{ link: string }>(['invite']);
    await carl.start(['join', invited.link, '--name', 'carl', '--yes']);
    await until(
      'carl has all',
      () => carl.read('rules/ana.md') === ana.read('rules/ana.md') && carl.read('CLAUDE.md') === 'kept by a hub\n',
    );
    await carl.kill();
  });

  it('lets the bytes of what was erased go, with its bucket', () => forgets(inBucket));

  it('remembers the bucket, and refuses another', async () => {
    await hub.stop();
    const other = await hub.run(['up', '--hub', '--port', port, '--objects', address.replace('/team', '/other')]);
    expect(other.code).toBe(5);
    expect(other.stderr).toContain(`the chunks of this store are in ${address}`);
    expect(await hub.run(['store', 'verify', '--read-data'])).toMatchObject({ code: 0, stderr: '' });
    await hub.start(['up', '--hub', '--port', port]);
    await editsTravel(ana, bea, 'without being told');
  });

  it('loses nothing through a bucket that fails and a kill, and its index may be deleted', async () => {
    isFailing = true;
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 5; n++) ana.write(`rules/${round}-${n}.md`, `round ${round}, file ${n}\n`);
      await hub.stop('SIGKILL');
      for (const name of readdirSync(hub.store)) if (round === 1 && name.startsWith('bucket-index')) rmSync(path.join(hub.store, name));
      await hub.start(['up', '--hub', '--port', port]);
      await until(`round ${round} is there`, () =>
        [0, 1, 2, 3, 4].every((n) => bea.read(`rules/${round}-${n}.md`) === `round ${round}, file ${n}\n`),
      );
    }
    isFailing = false;
    isAway = true;
    const away = await hub.runAsking(['status', '--hub']);
    expect(away.code).not.toBe(0);
    expect(away.stdout).toContain('Not well');
    expect(away.stdout).toContain(address);
    expect(away.stdout).toContain('Bring the bucket within reach');
    expect(away.stdout).not.toContain('database');
    const doctor = await hub.runAsking(['doctor']);
    expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringMatching(/s3:\/\/bucket[^]*Bring the bucket within reach/)]);
    ana.write('rules/away.md', 'written while the bucket was away\n');
    await until('ana says so', async () => (await ana.runAsking(['status'])).code !== 0);
    isAway = false;
    await until('it arrives', () => bea.read('rules/away.md') === 'written while the bucket was away\n');
    expect((await hub.run(['store', 'verify', '--read-data'])).code).toBe(0);
  });

  it('moves into a database and leaves its chunks in the bucket, which another hub shares', async () => {
    await hub.stop();
    const moved = await hub.run(['store', 'migrate', '--to', database.url]);
    expect([moved.code, moved.stderr]).toEqual([0, expect.any(String)]);
    const [held] = await server.query(database.database, 'select count(*) as count from satchel.objects');
    expect(Number(held?.['count'])).toBe(0);
    const second = machine('second', hubSecrets());
    mkdirSync(second.store, { mode: 0o700 });
    writeFileSync(path.join(second.store, 'config.json'), JSON.stringify({ hub: true, store: database.url }), { mode: 0o600 });
    cpSync(path.join(hub.store, 'keys'), path.join(second.store, 'keys'), { recursive: true });
    await hub.start(['up', '--port', port]);
    await editsTravel(ana, bea, 'the database');
    await hub.stop('SIGKILL');
    await second.start(['up', '--port', port]);
    await editsTravel(ana, bea, 'the other hub');
    expect(await second.run(['store', 'verify', '--read-data'])).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
  });

  it('says what is missing or wrong, and never a secret', async () => {
    const bare = machine('bare');
    const nothing = await bare.run(['up', '--hub', '--port', '0', '--objects', address]);
    expect(nothing.code).toBe(5);
    expect(nothing.stderr).toMatch(/nothing here opens .*SATCHEL_S3_ACCESS_KEY_ID/);
    const wrong = machine('wrong', { SATCHEL_S3_ACCESS_KEY_ID: store.accessKeyId, SATCHEL_S3_SECRET_ACCESS_KEY: 'hunter2' });
    const refused = await wrong.run(['up', '--hub', '--port', '0', '--objects', address]);
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain('the secret does not belong to the access key');
    expect(refused.stderr).not.toContain('hunter2');
    const begun = machine('begun', { ...hubSecrets(), SATCHEL_S3_SECRET_ACCESS_KEY: 'hunter2' });
    mkdirSync(begun.store, { mode: 0o700 });
    writeFileSync(path.join(begun.store, 'config.json'), JSON.stringify({ hub: true, store: database.url }), { mode: 0o600 });
    cpSync(path.join(hub.store, 'keys'), path.join(begun.store, 'keys'), { recursive: true });
    const notLetIn = await begun.run(['up', '--port', '0']);
    expect([notLetIn.code, notLetIn.stderr]).toEqual([5, expect.stringContaining('the secret does not belong to the access key')]);
    expect(notLetIn.stderr).toContain('buckets.json');
    const inAddress = await bare.run(['up', '--hub', '--objects', 's3://me:hunter2@bucket?region=x']);
    expect(inAddress.code).not.toBe(0);
    expect(inAddress.stderr).not.toContain('hunter2');
    const work = await machine('work', { SATCHEL_OBJECTS: address }).run(['up', '--yes', '--port', '0']);
    expect(work.code).toBe(2);
    expect(work.stderr).toContain('only a hub keeps chunks in a bucket');
  });
});
