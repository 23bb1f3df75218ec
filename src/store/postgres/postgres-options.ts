/** Where a database is, and as whom. Never shown with the password. */
export interface PostgresOptions {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  /** Where the tables are, in that database. */
  readonly schema: string;
  /** `off`: clear text; `unverified`: encrypted, to whoever answers; `verified`: to whom a known authority vouches for. */
  readonly tls: 'off' | 'unverified' | 'verified';
  /** Certificates (PEM) of the authorities, where they are not those that Node knows. */
  readonly authorities?: string | undefined;
  /** Connections that this process holds at most. */
  readonly connections?: number;
  /** Transactions that may wait for one; more are refused as `busy`. */
  readonly queue?: number;
}

/** A schema of this name is not shown: it is what counts where none is named. */
const USUAL_SCHEMA = 'satchel';

/** As shown to people, in the form that `--store` takes: user, host, port, database, and the schema where that is not the usual one. */
export function describePostgres({ host, port, database, user, schema }: PostgresOptions): string {
  const isSocket = host.startsWith('/');
  const at = isSocket ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  const more = [...(isSocket ? [`host=${host}`] : []), ...(schema === USUAL_SCHEMA ? [] : [`schema=${schema}`])];
  const query = more.length === 0 ? '' : `?${more.join('&')}`;
  return `postgres://${encodeURIComponent(user)}@${at}:${port}/${encodeURIComponent(database)}${query}`;
}
