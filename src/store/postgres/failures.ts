import { DatabaseError } from 'pg';
import { StoreUnavailable } from '../../core/ports/store.ts';
import { PasswordMissing, StoreUnusable } from '../store-unusable.ts';
import { NoPostgres } from './known-greeting.ts';
import { describePostgres, type PostgresOptions } from './postgres-options.ts';

const OUTAGE_RETRY = 2_000;
const FULL_RETRY = 10_000;
/** PostgreSQL's name for a disk without room. */
const DISK_FULL = '53100';

/** The transaction lost against another one, and can be run again: serialization failures and deadlocks. */
export function isConflict(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code === '40001' || error.code === '40P01');
}

/** The database went away, starts, stops, or has no connection left: later it may be there again. */
export function isOutage(error: unknown): boolean {
  if (error instanceof DatabaseError) return /^(?:08|57P|53(?!100))/.test(error.code ?? '') || error.code === '25P03';
  if (!(error instanceof Error) || error instanceof CommitUnclear) return false;
  if ('code' in error && typeof error.code === 'string') return NETWORK.test(error.code);
  return BROKEN.test(error.message);
}

/** The connection broke while a transaction was to be committed: it may have been, or not. */
export class CommitUnclear extends Error {
  override readonly name = 'CommitUnclear';
}

const NETWORK = /^E(?:CONN|PIPE|HOST|NET|TIMEDOUT|AI_|NOTFOUND|NOENT|ADDR)/;
/** What pg says itself has no code. */
const BROKEN = /connection terminated|connection ended|timeout exceeded|query read timeout|not queryable|client was closed/i;

/** What a person can do about it, where it is not a bug of ours. */
export function explainFailure(error: unknown, options: PostgresOptions): unknown {
  if (error instanceof StoreUnavailable || error instanceof StoreUnusable) return error;
  const where = describePostgres(options);
  if (error instanceof CommitUnclear) {
    const what = error.cause instanceof StoreUnavailable ? `${error.cause.message},` : `${where} went away`;
    return new StoreUnavailable('unreachable', `${what} in the midst of a commit, which it may have done`, {
      retryAfter: OUTAGE_RETRY,
      cause: error.cause,
    });
  }
  if (error instanceof DatabaseError && error.code === DISK_FULL)
    return new StoreUnavailable('full', `the disk of ${where} is full: ${error.message}`, { retryAfter: FULL_RETRY, cause: error });
  const refused = refusal(error, options);
  if (refused === ASKS) return new PasswordMissing(`${where}: ${refused}`, error);
  if (refused !== null) return new StoreUnusable('refused', `${where}: ${refused}`, error);
  if (isOutage(error)) {
    const why = error instanceof Error ? error.message : String(error);
    return new StoreUnavailable('unreachable', `${where} does not answer: ${why}`, { retryAfter: OUTAGE_RETRY, cause: error });
  }
  return error;
}

/** The same while a connection is made: nothing was asked of the database yet, so whatever is wrong lies with what answers there. */
export function explainConnecting(error: unknown, options: PostgresOptions): unknown {
  const explained = explainFailure(error, options);
  if (explained !== error || !(error instanceof Error) || error instanceof StoreUnavailable || error instanceof StoreUnusable)
    return explained;
  return new StoreUnusable('refused', `${describePostgres(options)} cannot be connected to: ${error.message}`, error);
}

const STRANGER =
  'what answers there is no PostgreSQL, or a proxy before it that does not pass it on. Correct host and port (PostgreSQL itself: 5432)';

const ASKS =
  'it asks for a password. Write it into keys/store-password in SATCHEL_HOME (mode 0600), name such a file in SATCHEL_STORE_PASSWORD_FILE, or set SATCHEL_STORE_PASSWORD or PGPASSWORD';

/** Of a standby, or one that was told so. */
export const READS_ONLY =
  'is for reading only: name the primary server, or have its owner take back default_transaction_read_only for this user and database';

/** What gives back a right that is missing; PostgreSQL's messages name what it is a right to. */
function grantFor(message: string, { user, database, schema }: Pick<PostgresOptions, 'user' | 'database' | 'schema'>): string {
  const [, owned] = /must be owner of table (\S+)/.exec(message) ?? [];
  if (owned !== undefined) return `alter table "${schema}"."${owned}" owner to "${user}"`;
  if (/for database/.test(message)) return `grant connect on database "${database}" to "${user}"`;
  if (/for (?:table|relation|view)/.test(message))
    return `grant select, insert, update, delete on all tables in schema "${schema}" to "${user}"`;
  if (/for sequence/.test(message)) return `grant usage, select on all sequences in schema "${schema}" to "${user}"`;
  if (/for schema/.test(message)) return `grant usage, create on schema "${schema}" to "${user}"`;
  return `create schema "${schema}" authorization "${user}"`;
}

function refusal(error: unknown, { user, database, password, schema }: PostgresOptions): string | null {
  if (error instanceof DatabaseError) {
    if (error.code === '3D000') return `there is no database "${database}". Make it: create database "${database}" owner "${user}"`;
    if (error.code === '28P01') return password === undefined ? ASKS : `the password of "${user}" is wrong`;
    if (error.code === '28000') return `it does not let "${user}" in: ${error.message}`;
    if (error.code === '25006') return READS_ONLY;
    if (error.code === '42501')
      return `"${user}" may not do that: ${error.message}. Let its owner run: ${grantFor(error.message, { user, database, schema })}`;
  }
  if (!(error instanceof Error)) return null;
  if (isStranger(error)) return STRANGER;
  if (/does not support SSL/i.test(error.message)) return 'it offers no TLS. Where the network between is your own, add ?sslmode=disable';
  if ('code' in error && typeof error.code === 'string' && /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(error.code))
    return `its certificate is not trusted (${error.message}). Name its authority: ?sslrootcert=FILE`;
  return null;
}

/** Also as pg says it itself, who may come first; and what says yes to TLS and then speaks something else. */
function isStranger(error: Error): boolean {
  return error instanceof NoPostgres || STRANGE.test(error.message);
}
const STRANGE = /error establishing an SSL connection|received invalid response|wrong version number|packet length too long/i;
