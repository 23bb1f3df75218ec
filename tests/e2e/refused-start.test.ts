import { createServer, type Server } from 'node:net';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startS3Double, type S3Double } from '../doubles/s3-double.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../services/postgres.ts';
import { Machine, makeRoot, until } from './machine.ts';

/** What a first start finds, and how it is to end. */
interface Refusal {
  readonly name: string;
  readonly code: number;
  /** Of what is said. */
  readonly says: RegExp;
  readonly args?: (place: Place) => readonly string[];
  readonly env?: (place: Place) => NodeJS.ProcessEnv;
  /** Files that somebody put into the home before, by name; with mode 0600 unless the name says `!0644`. */
  readonly files?: (place: Place) => Readonly<Record<string, string>>;
  readonly before?: (place: Place) => Promise<unknown>;
}

interface Place {
  readonly server: PostgresServer;
  readonly database: TestDatabase;
  readonly good: S3Double;
  readonly bad: S3Double;
  readonly takenPort: number;
  /** `keys/machine.json` of a hub that ran elsewhere: as a home is prepared for one more hub of it. */
  readonly keys: string;
  /** Where something else than a database answers, by what it says to whoever begins. */
  readonly strangers: Readonly<Record<Stranger, number>>;
}

const STRANGERS = { http: 'HTTP/1.1 400 Bad Request\r\n\r\n', ssh: 'SSH-2.0-OpenSSH_9.2\r\n', yes: 'S', json: '{"no": "database"}\n' };
type Stranger = keyof typeof STRANGERS;

const bucketAt = ({ endpoint }: S3Double, bucket = 'bucket'): string => `s3://${bucket}/team?endpoint=${endpoint}`;
const hub = (...args: readonly string[]): string[] => ['up', '--hub', ...args];

const atStranger = (port: number, mode: string): string => `postgres://satchel@127.0.0.1:${port}/satchel?sslmode=${mode}`;
const strange = (stranger: Stranger, mode: string): Refusal => ({
  name: `no database, but what says ${stranger}, with sslmode=${mode}`,
  code: 5,
  says: /^satchel: postgres:[^\n]*: what answers there is no PostgreSQL[^\n]*\. Correct host and port/,
  args: ({ strangers }) => hub('--port', '0', '--store', atStranger(strangers[stranger], mode)),
});

const REFUSALS: readonly Refusal[] = [
  {
    name: 'a bucket that ignores conditions',
    code: 5,
    says: /condition/,
    args: ({ bad, database }) => hub('--port', '0', '--store', database.url, '--objects', bucketAt(bad)),
  },
  {
    name: 'a bucket that ignores conditions, without a database',
    code: 5,
    says: /condition/,
    args: ({ bad }) => hub('--port', '0', '--objects', bucketAt(bad)),
  },
  { name: 'a wrong secret', code: 5, says: /the secret does not belong/, env: () => ({ SATCHEL_S3_SECRET_ACCESS_KEY: 'wrong' }) },
  {
    name: 'nothing that opens the bucket',
    code: 5,
    says: /nothing here opens/,
    env: () => ({ SATCHEL_S3_ACCESS_KEY_ID: '', SATCHEL_S3_SECRET_ACCESS_KEY: '' }),
  },
  {
    name: 'a bucket that is not there',
    code: 5,
    says: /no such bucket/,
    args: ({ good, database }) => hub('--port', '0', '--store', database.url, '--objects', bucketAt(good, 'nowhere')),
  },
  {
    name: 'a buckets.json that is damaged',
    code: 2,
    says: /buckets\.json: is not JSON at line 2, column 1\. Correct it there/,
    files: () => ({ 'buckets.json': '{"s3://bucket": {\n' }),
  },
  { name: 'a buckets.json that others can read', code: 2, says: /buckets\.json.*chmod 600/s, files: () => ({ 'buckets.json!0644': '{}' }) },
  { name: 'a wrong password', code: 5, says: /the password of ".*" is wrong/, env: () => ({ SATCHEL_STORE_PASSWORD: 'wrong' }) },
  {
    name: 'a password file that is not there',
    code: 2,
    says: /password/,
    env: () => ({ SATCHEL_STORE_PASSWORD: '', SATCHEL_STORE_PASSWORD_FILE: '/nowhere/password' }),
  },
  {
    name: 'an authority that is not there',
    code: 2,
    says: /\/nowhere\/authority\.pem/,
    args: ({ good, database }) =>
      hub('--port', '0', '--store', `${database.url}?sslmode=verify-full&sslrootcert=/nowhere/authority.pem`, '--objects', bucketAt(good)),
  },
  {
    name: 'a database that is for reading only',
    code: 5,
    says: /is for reading only/,
    before: ({ server, database }) =>
      server.query('postgres', `alter database ${database.database} set default_transaction_read_only = on`),
  },
  {
    name: 'a database in which the user may make nothing',
    code: 5,
    says: /may make no schema there/,
    before: ({ server, database }) => server.query('postgres', `alter database ${database.database} owner to postgres`),
  },
  {
    name: 'a port that is taken',
    code: 1,
    says: /is taken by/,
    args: ({ good, database, takenPort }) => hub('--port', String(takenPort), '--store', database.url, '--objects', bucketAt(good)),
  },
  {
    name: 'a port that is taken, in a home that has the keys',
    code: 1,
    says: /is taken by/,
    args: ({ good, database, takenPort }) => hub('--port', String(takenPort), '--store', database.url, '--objects', bucketAt(good)),
    files: ({ keys }) => ({ 'keys/machine.json': keys }),
  },
  {
    name: 'a port that is taken, in a home that has the keys and says all in config.json',
    code: 1,
    says: /is taken by/,
    args: () => ['up'],
    env: () => ({ SATCHEL_PORT: '' }),
    files: ({ keys, good, database, takenPort }) => ({
      'keys/machine.json': keys,
      'config.json': JSON.stringify({ hub: true, port: takenPort, store: database.url, objects: bucketAt(good) }),
    }),
  },
  {
    name: 'an address that is not of this machine, in a home that has the keys',
    code: 2,
    says: /is no address of this machine/,
    args: ({ good, database }) => hub('--host', '192.0.2.1', '--port', '0', '--store', database.url, '--objects', bucketAt(good)),
    files: ({ keys }) => ({ 'keys/machine.json': keys }),
  },
  {
    name: 'a certificate that is damaged, in a home that has the keys',
    code: 1,
    says: /tls\.json is damaged/,
    args: ({ good, database }) => hub('--host', '0.0.0.0', '--port', '0', '--store', database.url, '--objects', bucketAt(good)),
    files: ({ keys }) => ({ 'keys/machine.json': keys, 'keys/tls.json': '{"key": "' }),
  },
  {
    name: 'an address that is not of this machine',
    code: 2,
    says: /is no address of this machine/,
    args: ({ good, database }) => hub('--host', '192.0.2.1', '--port', '0', '--store', database.url, '--objects', bucketAt(good)),
  },
  {
    name: 'a certificate that is damaged',
    code: 1,
    says: /tls\.json is damaged/,
    args: ({ good, database }) => hub('--host', '0.0.0.0', '--port', '0', '--store', database.url, '--objects', bucketAt(good)),
    files: () => ({ 'keys/tls.json': '{"key": "' }),
  },
  {
    name: 'a token for /metrics that is none',
    code: 2,
    says: /metrics-token holds no token/,
    env: () => ({ SATCHEL_METRICS: 'true' }),
    files: () => ({ 'metrics-token': 'short' }),
  },
  { name: 'a config.json that is damaged', code: 2, says: /config\.json/, files: () => ({ 'config.json': '{"hub": true,' }) },
  strange('http', 'require'),
  strange('http', 'disable'),
  strange('ssh', 'disable'),
  strange('json', 'disable'),
  strange('yes', 'require'),
  strange('yes', 'disable'),
  {
    name: 'an address of no bucket',
    code: 2,
    says: /--objects: /,
    args: ({ database }) => hub('--port', '0', '--store', database.url, '--objects', 'ftp://bucket/team'),
  },
  { name: 'no hub', code: 2, says: /only a hub keeps/, args: ({ database }) => ['up', '--yes', '--port', '0', '--store', database.url] },
];

describe('a first start that is refused', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  let server: PostgresServer;
  let good: S3Double;
  let bad: S3Double;
  let taken: Server;
  let answering: readonly Server[];
  let strangers: Place['strangers'];
  let keys = '';
  let count = 0;

  beforeAll(async () => {
    server = await startPostgres();
    good = await startS3Double();
    bad = await startS3Double({ conditional: 'ignored' });
    taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const begun = await Promise.all(
      Object.entries(STRANGERS).map(async ([name, greeting]) => {
        const server = createServer((socket) => {
          socket.on('error', () => undefined);
          socket.once('data', () => {
            socket.write(greeting);
            socket.on('data', () => socket.write(STRANGERS.http));
          });
        }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        return [name, server] as const;
      }),
    );
    const elsewhere = new Machine(root, 'elsewhere', program);
    await elsewhere.start(hub('--port', '0'));
    await elsewhere.kill();
    keys = readFileSync(path.join(elsewhere.store, 'keys', 'machine.json'), 'utf8');
    answering = begun.map(([, server]) => server);
    strangers = Object.fromEntries(begun.map(([name, server]) => [name, (server.address() as AddressInfo).port])) as Place['strangers'];
  });
  afterAll(async () => {
    for (const server of [taken, ...answering]) server.close();
    await Promise.all([good.close(), bad.close(), server.dispose()]);
    remove();
  });

  const contents = (folder: string): Record<string, string> =>
    Object.fromEntries(
      (existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : []).map((name) => {
        const file = path.join(folder, name);
        return [name, statSync(file).isDirectory() ? 'a folder' : readFileSync(file, 'utf8')];
      }),
    );

  it.each(REFUSALS)('changes nothing: $name', async ({ code, says, args, env, files, before }) => {
    const database = await server.createDatabase();
    const place: Place = { server, database, good, bad, takenPort: (taken.address() as AddressInfo).port, keys, strangers };
    await before?.(place);
    const machine = new Machine(root, `first${count++}`, program, {
      SATCHEL_S3_ACCESS_KEY_ID: good.accessKeyId,
      SATCHEL_S3_SECRET_ACCESS_KEY: good.secretAccessKey,
      SATCHEL_STORE_PASSWORD: database.password,
      ...env?.(place),
    });
    for (const [name, text] of Object.entries(files?.(place) ?? {})) {
      const [file = '', mode = '0600'] = name.split('!');
      mkdirSync(path.dirname(path.join(machine.store, file)), { recursive: true, mode: 0o700 });
      writeFileSync(path.join(machine.store, file), text, { mode: Number.parseInt(mode, 8) });
    }
    const was = { home: existsSync(machine.store), files: contents(machine.store) };
    const outcome = await machine.run(args?.(place) ?? hub('--port', '0', '--store', database.url, '--objects', bucketAt(good)));
    expect([outcome.code, outcome.stderr]).toEqual([code, expect.stringMatching(says)]);
    expect({ home: existsSync(machine.store), files: contents(machine.store) }).toEqual(was);
    expect(await server.query(database.database, `select nspname from pg_namespace where nspname = 'satchel'`)).toEqual([]);
    for (const store of [good, bad]) expect([...(store.buckets.get('bucket')?.keys() ?? [])]).toEqual([]);
  });

  const nothing = (machine: Machine): void => expect(existsSync(machine.store)).toBe(false);

  it('changes nothing: a database that another hub keeps, whose word stays', async () => {
    const database = await server.createDatabase();
    const env = { SATCHEL_STORE_PASSWORD: database.password };
    const first = new Machine(root, 'keeper', program, env);
    await first.start(hub('--port', '0', '--store', database.url));
    const word = (): Promise<unknown> =>
      server.query(database.database, `select * from satchel.documents where collection <> 'health' order by collection, id`);
    const was = await word();
    const second = new Machine(root, 'other', program, env);
    const refused = await second.run(hub('--port', '0', '--store', database.url));
    expect([refused.code, refused.stderr]).toEqual([
      5,
      expect.stringMatching(/is kept by the hub .*, and this one has no keys\. .*copy that hub’s keys folder/),
    ]);
    nothing(second);
    expect(await word()).toEqual(was);
    await first.kill();
  });

  it('says what it waits for, and until when, where a bucket never answers', async () => {
    const silent = await startS3Double({ fault: () => 'silence' });
    const machine = new Machine(root, `silent${count++}`, program, {
      SATCHEL_S3_ACCESS_KEY_ID: silent.accessKeyId,
      SATCHEL_S3_SECRET_ACCESS_KEY: silent.secretAccessKey,
    });
    const starting = machine.start(hub('--port', '0', '--objects', bucketAt(silent))).catch(() => undefined);
    await until('it says so', () => /s3:\/\/bucket\/team\?endpoint=\S+ has not answered yet/.test(machine.output));
    expect(machine.output).toMatch(/ has not answered yet: it is waited for until \d\d:\d\d:\d\d at the latest\.\n$/);
    await machine.kill();
    await starting;
    await silent.close();
  });

  it.each(['the database', 'the bucket'])('leaves nothing behind where %s is away, and it is stopped while it waits', async (what) => {
    const database = await server.createDatabase();
    const away = { store: database.url, objects: bucketAt(good) };
    if (what === 'the database') away.store = database.url.replace(/:\d+\//, ':9/');
    else away.objects = 's3://bucket?endpoint=http://127.0.0.1:9';
    const machine = new Machine(root, `waits${count++}`, program, {
      SATCHEL_S3_ACCESS_KEY_ID: good.accessKeyId,
      SATCHEL_S3_SECRET_ACCESS_KEY: good.secretAccessKey,
      SATCHEL_STORE_PASSWORD: database.password,
    });
    await machine.start(hub('--port', '0', '--store', away.store, '--objects', away.objects));
    expect(machine.output).toContain('Trying again');
    await until('others can be told', async () => (await machine.runAsking(['status'])).stderr.includes('and waits:'));
    await machine.stop();
    nothing(machine);
    expect(await server.query(database.database, `select nspname from pg_namespace where nspname = 'satchel'`)).toEqual([]);
  });
});
