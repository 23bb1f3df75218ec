import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSigningKey, type SigningKey } from '../../../src/core/crypto/signing.ts';
import { hexToBytes, type MachineId } from '../../../src/core/ids.ts';
import type { Remote } from '../../../src/core/ports/remote.ts';
import { ACCOUNTS } from '../../../src/node/log-authority.ts';
import { createSystemClock, createSystemRandom } from '../../../src/node/system.ts';
import { createHubRemote } from '../../../src/remotes/hub/hub-remote.ts';
import { openPostgres } from '../../../src/store/postgres/postgres-database.ts';
import { createSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts';
import { startPostgres, type PostgresServer, type TestDatabase } from '../../services/postgres.ts';
import { folderBytes } from '../folder-size.ts';
import { cpuSecondsOf, peakMegabytes, proportionalMegabytes, residentMegabytes } from '../process-figures.ts';
import { findProgram, SatchelMachine } from '../satchel/satchel-machine.ts';

/** Where a hub keeps its logs, and where its bodies. */
export const HUB_KINDS = ['SQLite, folder', 'PostgreSQL', 'PostgreSQL, bucket'] as const;
export type HubKind = (typeof HUB_KINDS)[number];

/** CPU seconds so far. */
export interface HubCost {
  readonly hub: number;
  readonly database: number;
}

export interface HubMemory {
  readonly hubMegabytes: number;
  /** The most since it was asked for last. */
  readonly hubPeakMegabytes: number;
  readonly databaseMegabytes: number;
}

/** A hub that runs by itself, as users start it. */
export interface HubPeer {
  readonly kind: HubKind;
  readonly url: string;
  readonly key: MachineId;
  connect(signing: SigningKey): Remote;
  cost(): Promise<HubCost>;
  memory(): Promise<HubMemory>;
  /** Bytes of its logs and of what finds them, and of bodies; null where they lie elsewhere. */
  disk(): Promise<{ readonly store: number; readonly bodies: number | null }>;
  /** Stops and starts it: seconds until it answers, and of its CPU by then. */
  restart(): Promise<{ readonly seconds: number; readonly cpu: number }>;
  close(): Promise<void>;
}

/** What hubs of one run share. */
export interface HubGround {
  readonly folder: string;
  readonly postgres: PostgresServer;
}

export async function startGround(folder: string): Promise<HubGround> {
  return { folder, postgres: await startPostgres({ isDurable: true, sharedBuffers: '128MB' }) };
}

/** A hub of its own, where these machines may keep spaces. */
export async function startHubPeer(ground: HubGround, kind: HubKind, accounts: readonly MachineId[]): Promise<HubPeer> {
  const program = findProgram();
  if (program === null) throw new Error('the program is not built: npm run build');
  const name = kind.toLowerCase().replaceAll(/[^a-z]+/g, '-');
  const machine = await SatchelMachine.make(program, path.join(ground.folder, name), null);
  const home = path.join(machine.home, '.satchel');
  const keys = path.join(home, 'keys');
  await mkdir(keys, { mode: 0o700 });
  const database = kind === 'SQLite, folder' ? null : await ground.postgres.createDatabase();
  const bucket = kind === 'PostgreSQL, bucket' ? await startBucket() : null;
  const flags = ['--hub'];
  if (database !== null) {
    await writeFile(path.join(keys, 'store-password'), database.password, { mode: 0o600 });
    flags.push('--store', database.url);
  }
  if (bucket !== null) {
    const address = `s3://bucket/hub?endpoint=${bucket.endpoint}`;
    const { accessKeyId, secretAccessKey } = bucket;
    await writeFile(path.join(home, 'buckets.json'), JSON.stringify({ [address]: { accessKeyId, secretAccessKey } }), { mode: 0o600 });
    flags.push('--objects', address);
  }
  // Whatever ends the bench ends them.
  process.once('exit', () => machine.kill());
  await machine.up(...flags);
  await machine.down();
  await addAccounts(home, database, accounts);
  await machine.up(...flags);
  let address = (await machine.running()).address;
  const { seed } = JSON.parse(await readFile(path.join(keys, 'machine.json'), 'utf8')) as { seed: string };
  const key = createSigningKey(hexToBytes(seed)).machine;
  const clock = createSystemClock();
  const random = createSystemRandom();
  const cpu = async (): Promise<number> => (await cpuSecondsOf([machine.pid])) ?? 0;

  return {
    kind,
    key,
    get url() {
      return address;
    },
    connect: (signing) => createHubRemote({ url: address, key, signing, clock, random }),
    cost: async () => ({
      hub: await cpu(),
      // Of all hubs on it, of which one works at a time.
      database: database === null ? 0 : ((await cpuSecondsOf([ground.postgres.pid])) ?? 0),
    }),
    memory: async () => ({
      hubMegabytes: Math.round((await residentMegabytes(machine.pid)) ?? 0),
      hubPeakMegabytes: Math.round((await peakMegabytes(machine.pid)) ?? 0),
      databaseMegabytes: database === null ? 0 : Math.round((await proportionalMegabytes(ground.postgres.pid)) ?? 0),
    }),
    async disk() {
      if (database === null) {
        const bodies = await folderBytes(path.join(home, 'objects'));
        return { store: (await folderBytes(home)) - bodies, bodies };
      }
      const sizeOf = async (which: string): Promise<number> => {
        const [row] = await ground.postgres.query(
          database.database,
          `select coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8 as size from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'satchel' and c.relkind = 'r' and c.relname ${which}`,
        );
        return Number(row?.['size'] ?? 0);
      };
      return { store: await sizeOf(`<> 'objects'`), bodies: bucket === null ? await sizeOf(`= 'objects'`) : null };
    },
    async restart() {
      await machine.down();
      const began = performance.now();
      await machine.up(...flags);
      const seconds = (performance.now() - began) / 1_000;
      address = (await machine.running()).address;
      return { seconds, cpu: await cpu() };
    },
    async close() {
      await machine.down();
      bucket?.child.kill();
    },
  };
}

/** As if each had been invited. */
async function addAccounts(home: string, database: TestDatabase | null, accounts: readonly MachineId[]): Promise<void> {
  const clock = createSystemClock();
  const opened =
    database === null
      ? { store: await createSqliteStore({ path: path.join(home, 'store.db') }), objects: null }
      : await openPostgres({ ...database, schema: 'satchel', tls: 'off' }, { clock, random: createSystemRandom() });
  try {
    await opened.store.write(async ({ documents }) => {
      for (const machine of accounts) await documents.put(ACCOUNTS, machine, { machine, addedAt: 0 });
    });
  } finally {
    await opened.objects?.close();
    await opened.store.close();
  }
}

interface Bucket {
  readonly child: ChildProcess;
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

async function startBucket(): Promise<Bucket> {
  const script = fileURLToPath(new URL(`s3-process${path.extname(import.meta.url)}`, import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill());
  const said = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', resolve);
    child.once('error', reject);
  });
  return { child, ...(JSON.parse(said) as Omit<Bucket, 'child'>) };
}
