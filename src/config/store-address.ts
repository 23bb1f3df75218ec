import { fail, ok, type Result } from '../core/result.ts';

/** Where a hub keeps its store, where that is not its own folder: a PostgreSQL database. */
export interface StoreAddress {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly schema: string;
  readonly tls: 'off' | 'unverified' | 'verified';
  /** Path of a file with certificates of authorities (PEM). */
  readonly authorityFile: string | null;
  /** Connections that this process holds at most. */
  readonly connections: number;
}

const SHAPE = 'postgres://USER@HOST[:PORT]/DATABASE';
const KNOWN = ['sslmode', 'sslrootcert', 'schema', 'host', 'connections'];
const TLS = { disable: 'off', require: 'unverified', 'verify-full': 'verified' } as const;
const CONNECTIONS = 10;
/** What needs no quotes in SQL: anything else is a slip, and would be made as it stands. */
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * `postgres://user@host:port/database?sslmode=…&sslrootcert=FILE&schema=…&connections=N`; `?host=/FOLDER` for a Unix socket. The
 * error says what is wrong, and nothing of what was given: it may hold a password.
 */
export function parseStoreAddress(text: string): Result<StoreAddress, string> {
  if (!/^postgres(?:ql)?:\/\//.test(text)) return fail(`expected an address like ${SHAPE}`);
  // Before anything else is looked at: whatever stands there shall not be tried.
  if (/^[a-z]+:\/\/[^/?#]*:[^/?#@]*@/.test(text) || /[?&](?:password|user|sslpassword)=/i.test(text))
    return fail(
      'expected an address without a password: command lines and configuration are shown to others. Set SATCHEL_STORE_PASSWORD, or name a file of mode 0600 in SATCHEL_STORE_PASSWORD_FILE',
    );
  let url;
  try {
    url = new URL(isByFolder(text) ? text.replace(NO_HOST, '$1localhost') : text);
  } catch {
    return fail(`expected an address like ${SHAPE}`);
  }
  const unknown = [...url.searchParams.keys()].find((key) => !KNOWN.includes(key));
  if (unknown !== undefined) return fail(`expected only ${KNOWN.join(', ')} behind the ?`);
  const twice = KNOWN.find((key) => url.searchParams.getAll(key).length > 1);
  if (twice !== undefined) return fail(`expected ${twice} once`);
  const user = decode(url.username);
  const database = decode(url.pathname.slice(1));
  if (!user || !database || database.includes('/')) return fail(`expected a user and a database: ${SHAPE}`);
  const socket = url.searchParams.get('host');
  const host = socket ?? url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '' || (socket !== null && !socket.startsWith('/'))) return fail('expected a host, or ?host=/FOLDER of a Unix socket');
  const isNear = host.startsWith('/') || host === 'localhost' || host === '::1' || host.startsWith('127.');
  const mode = url.searchParams.get('sslmode') ?? (isNear ? 'disable' : 'verify-full');
  if (!Object.hasOwn(TLS, mode)) return fail(`expected sslmode to be one of ${Object.keys(TLS).join(', ')}`);
  const schema = url.searchParams.get('schema') ?? 'satchel';
  if (!SCHEMA.test(schema)) return fail('expected a schema of 1 to 63 lower-case letters, digits and _, which does not begin with a digit');
  if (/^pg_/i.test(schema) || schema === 'information_schema') return fail('expected a schema that is not one of PostgreSQL’s own');
  const connections = Number(url.searchParams.get('connections') ?? CONNECTIONS);
  if (!Number.isInteger(connections) || connections < 1 || connections > 500) return fail('expected connections from 1 to 500');
  return ok({
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    user,
    database,
    schema,
    tls: TLS[mode as keyof typeof TLS],
    authorityFile: url.searchParams.get('sslrootcert'),
    connections,
  });
}

/** As libpq takes it too: without a host before the path. */
const NO_HOST = /^([a-z]+:\/\/(?:[^/?#@]*@)?)(?=[:/])/;

function isByFolder(text: string): boolean {
  return /[?&]host=(?:\/|%2f)/i.test(text);
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
