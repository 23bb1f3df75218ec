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

/** As shown to people. */
export function describePostgres({ host, port, database, user }: PostgresOptions): string {
  return `postgres://${user}@${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
}
