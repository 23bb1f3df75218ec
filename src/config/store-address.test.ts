import { describe, expect, it } from 'vitest';
import { describePostgres } from '../store/postgres/postgres-options.ts';
import { parseStoreAddress } from './store-address.ts';

describe('the address of a store', () => {
  it('says where a database is, encrypted and verified beyond this machine', () => {
    expect(parseStoreAddress('postgres://ada@db.example.org/satchel')).toEqual({
      ok: true,
      value: {
        host: 'db.example.org',
        port: 5432,
        user: 'ada',
        database: 'satchel',
        schema: 'satchel',
        tls: 'verified',
        authorityFile: null,
        connections: 10,
      },
    });
    const other = parseStoreAddress(
      'postgresql://ada%40home@[::1]:6543/my%20hub?schema=hub&sslmode=require&sslrootcert=/ca.pem&connections=3',
    );
    expect(other).toMatchObject({
      value: {
        host: '::1',
        port: 6543,
        user: 'ada@home',
        database: 'my hub',
        schema: 'hub',
        tls: 'unverified',
        authorityFile: '/ca.pem',
        connections: 3,
      },
    });
    expect(parseStoreAddress('postgres://ada@127.0.0.1/d')).toMatchObject({ value: { tls: 'off' } });
    expect(parseStoreAddress('postgres://ada@localhost/d?host=/var/run/postgresql')).toMatchObject({
      value: { host: '/var/run/postgresql', tls: 'off' },
    });
  });

  it.each([
    ['postgres://ada@/d?host=/var/run/postgresql', { host: '/var/run/postgresql', port: 5432, user: 'ada', database: 'd' }],
    ['postgresql://ada@:6543/d?schema=hub&host=%2Ftmp%2Fpg', { host: '/tmp/pg', port: 6543, schema: 'hub' }],
  ])('takes a folder alone, as libpq does: %s', (text, value) => {
    expect(parseStoreAddress(text)).toMatchObject({ ok: true, value });
  });

  it.each([
    'postgres://ada@db.example.org:5432/satchel',
    'postgres://ada@db.example.org:6543/satchel?schema=hub',
    'postgres://ada%40home@[::1]:5432/my%20hub',
    'postgres://ada@localhost:21432/d?host=/tmp/pg&schema=hub',
  ])('is shown as it is taken, with the schema where that is another than usual: %s', (text) => {
    const parsed = parseStoreAddress(text);
    if (!parsed.ok) throw new Error(parsed.error);
    expect(describePostgres({ ...parsed.value, password: 'geheim' })).toBe(text);
  });

  it.each([
    'postgres://ada:geheim@db/satchel',
    'postgres://ada:@db/satchel',
    'postgres://ada@db/satchel?password=geheim',
    'postgresql://:geheim@db/satchel',
  ])('holds no password: %s', (text) => {
    const refused = parseStoreAddress(text);
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining('without a password') as string });
    expect(JSON.stringify(refused)).not.toContain('geheim');
  });

  it.each([
    'mysql://ada@db/satchel',
    'postgres://db/satchel',
    'postgres://ada@db',
    'postgres://ada@db/a/b',
    'postgres://ada@db:port/satchel',
    'postgres://ada@db/satchel?sslmode=prefer',
    'postgres://ada@db/satchel?options=-c%20x',
    'postgres://ada@db/satchel?connections=0',
    'postgres://ada@/satchel',
    'postgres://ada@db/satchel?schema=',
    'postgres://ada@db/satchel?schema=a;drop',
    'postgres://ada@db/satchel?schema=a%22b',
    'postgres://ada@db/satchel?schema=Hub',
    'postgres://ada@db/satchel?schema=my%20hub',
    'postgres://ada@db/satchel?schema=7hubs',
    'postgres://ada@db/satchel?schema=pg_hub',
    'postgres://ada@db/satchel?schema=hub%0A',
    `postgres://ada@db/satchel?schema=${'h'.repeat(64)}`,
    'satchel',
    '',
  ])('is refused where it is none: %s', (text) => {
    expect(parseStoreAddress(text)).toMatchObject({ ok: false });
  });
});
