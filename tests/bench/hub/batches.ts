import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import { Client } from 'pg';
import type { SealedObject } from '../../../src/core/crypto/object-cipher.ts';
import { hexToBytes, type SpaceId } from '../../../src/core/ids.ts';
import { decodeRecord, EMPTY_HEAD, headAfter, type Head, type LogRecord } from '../../../src/core/log/record.ts';
import type { Remote } from '../../../src/core/ports/remote.ts';
import { toStored } from '../../../src/core/replica/chain.ts';
import type { ReplicaDeps } from '../../../src/core/replica/deps.ts';
import { createSystemClock, createSystemRandom } from '../../../src/node/system.ts';
import { createLocalRemote } from '../../../src/remotes/local.ts';
import { createFolderObjects } from '../../../src/store/chunks/folder-objects.ts';
import { openPostgres } from '../../../src/store/postgres/postgres-database.ts';
import { openSqliteFile } from '../../../src/store/sqlite/sqlite-file.ts';
import { createSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts';
import { recordToRow } from '../../../src/store/tables/record-row.ts';
import { foundBenchSpace } from './bench-space.ts';
import { persistently } from './commits.ts';
import type { HubGround, HubKind, HubPeer } from './hub-peer.ts';

/** Small changes in batches, each durable before the next: commits of one change each, so many to an append or a transaction. */
export const BATCH = 100;

/** `raw`: the same rows by one insert a batch, each a transaction, in the same tables with the same indexes, by the same client. */
export const BATCH_PLACES = ['a hub, by HTTP', 'its store, in process', 'raw inserts'] as const;

export interface BatchRate {
  readonly kind: HubKind;
  readonly place: (typeof BATCH_PLACES)[number];
  readonly round: number;
  readonly changes: number;
  /** Changes a second. */
  readonly perSecond: number;
}

/** Where batches go, and what they do there. */
interface Place {
  readonly kind: HubKind;
  readonly place: BatchRate['place'];
  /** Before the time is taken. */
  begin(space: SpaceId, genesis: LogRecord): Promise<void>;
  write(space: SpaceId, before: Head, batch: Batch): Promise<void>;
  close(): Promise<void>;
}

interface Batch {
  readonly records: readonly LogRecord[];
  readonly objects: readonly SealedObject[];
}

/** One log a round, of the same bytes at each place; places in turning order. Bodies of some 500 bytes, those of a batch in one object, are durable too. */
export async function rateBatches(
  ground: HubGround,
  hubs: readonly HubPeer[],
  owner: ReplicaDeps,
  options: { readonly rounds: number; readonly changes: number; readonly tell: (line: string) => void },
): Promise<BatchRate[]> {
  const rates: BatchRate[] = [];
  const places: Place[] = [];
  try {
    for (const hub of hubs) {
      places.push(throughHub(hub, owner));
      if (hub.kind === 'SQLite, folder') places.push(await inSqlite(ground), await rawSqlite(ground));
      if (hub.kind === 'PostgreSQL') places.push(await inPostgres(ground), await rawPostgres(ground));
    }
    const none = createLocalRemote({ ...owner, address: 'bench:' });
    for (let round = 0; round < options.rounds; round += 1) {
      const maker = await foundBenchSpace(owner, none, { items: 1_000, perObject: BATCH });
      const { space } = maker.replica;
      const genesis = await genesisOf(maker.replica.deps, space);
      const first = maker.head;
      const batches: Batch[] = [];
      while (batches.length * BATCH < options.changes) batches.push(await maker.next(BATCH));
      for (let turn = 0; turn < places.length; turn += 1) {
        const place = places[(turn + round) % places.length] as Place;
        await place.begin(space, genesis);
        let head = first;
        const began = performance.now();
        for (const batch of batches) {
          await place.write(space, head, batch);
          head = headAfter(batch.records.at(-1) as LogRecord);
        }
        const perSecond = (batches.length * BATCH * 1_000) / (performance.now() - began);
        rates.push({ kind: place.kind, place: place.place, round, changes: batches.length * BATCH, perSecond });
        options.tell(`batches of ${BATCH}: ${place.kind.padEnd(18)} ${place.place.padEnd(22)} ${perSecond.toFixed(0)} changes a second`);
      }
    }
    return rates;
  } finally {
    for (const place of places) await place.close();
  }
}

async function genesisOf(deps: ReplicaDeps, space: SpaceId): Promise<LogRecord> {
  const [row] = await deps.store.read((tx) => tx.logs.read(space, 0, { records: 1, bytes: 1 }));
  const genesis = row === undefined ? null : decodeRecord(row.bytes);
  if (genesis?.ok !== true) throw new Error('the space has no genesis');
  return genesis.value;
}

function throughHub(hub: HubPeer, owner: ReplicaDeps): Place {
  const remote = hub.connect(owner.machine.key);
  return { kind: hub.kind, place: 'a hub, by HTTP', ...appendingTo(remote), close: () => remote.close() };
}

function appendingTo(remote: Remote): Pick<Place, 'begin' | 'write'> {
  return {
    async begin(space, genesis) {
      await remote.append(space, EMPTY_HEAD, { records: [genesis], objects: [] });
    },
    async write(space, before, batch) {
      const outcome = await persistently(() => remote.append(space, before, batch));
      if (outcome.type !== 'appended') throw new Error(`nobody else writes here, and yet: ${outcome.type}`);
    },
  };
}

/** What a hub appends with, opened as a hub opens it. */
async function inSqlite({ folder }: HubGround): Promise<Place> {
  const store = await createSqliteStore({ path: path.join(folder, 'batches', 'store.db'), checksNesting: false });
  const objects = createFolderObjects({ path: path.join(folder, 'batches', 'objects'), random: createSystemRandom() });
  const remote = createLocalRemote({ store, objects, clock: createSystemClock(), address: 'bench:' });
  const close = async (): Promise<void> => {
    await remote.close();
    await objects.close();
    await store.close();
  };
  return { kind: 'SQLite, folder', place: 'its store, in process', ...appendingTo(remote), close };
}

async function inPostgres({ postgres }: HubGround): Promise<Place> {
  const options = { ...(await postgres.createDatabase()), schema: 'satchel', tls: 'off' as const };
  const { store, objects } = await openPostgres(options, {
    clock: createSystemClock(),
    random: createSystemRandom(),
    checksNesting: false,
  });
  const remote = createLocalRemote({ store, objects, clock: createSystemClock(), address: 'bench:', isShared: true });
  const close = async (): Promise<void> => {
    await remote.close();
    await objects.close();
    await store.close();
  };
  return { kind: 'PostgreSQL', place: 'its store, in process', ...appendingTo(remote), close };
}

const COLUMNS = ['space', 'position', 'hash', 'id', 'signer', 'term', 'type', 'bytes'] as const;

function rowValues(number: number, records: readonly LogRecord[]): unknown[] {
  return records.flatMap((record) => {
    const row = recordToRow(number, toStored(record));
    return COLUMNS.map((column) => row[column]);
  });
}

async function rawSqlite({ folder }: HubGround): Promise<Place> {
  const parent = path.join(folder, 'raw');
  await mkdir(parent, { recursive: true });
  const file = path.join(parent, 'store.db');
  await (await createSqliteStore({ path: file })).close(); // its tables
  const database: Database.Database = openSqliteFile(file);
  database.exec('create table objects (space blob not null, id blob not null, bytes blob not null, primary key (space, id))');
  const marks = Array.from({ length: BATCH }, () => `(${COLUMNS.map(() => '?').join(', ')})`).join(', ');
  const insert = database.prepare(`insert into log_records (${COLUMNS.join(', ')}) values ${marks}`);
  const insertObject = database.prepare('insert into objects values (?, ?, ?)');
  let number = 0;
  return {
    kind: 'SQLite, folder',
    place: 'raw inserts',
    async begin(space) {
      number = Number(database.prepare('insert into spaces (id) values (?)').run(hexToBytes(space)).lastInsertRowid);
    },
    async write(space, _before, { records, objects }) {
      database.exec('begin immediate');
      for (const { id, bytes } of objects) insertObject.run(hexToBytes(space), hexToBytes(id), bytes);
      insert.run(...rowValues(number, records));
      database.exec('commit');
    },
    async close() {
      database.close();
    },
  };
}

async function rawPostgres({ postgres }: HubGround): Promise<Place> {
  const options = { ...(await postgres.createDatabase()), schema: 'satchel', tls: 'off' as const };
  const made = await openPostgres(options, { clock: createSystemClock(), random: createSystemRandom() });
  await made.objects.close();
  await made.store.close();
  const { host, port, database, user, password } = options;
  const client = new Client({ host, port, database, user, password });
  await client.connect();
  // Without the rows' security, and what refers to other tables.
  for (const table of ['log_records', 'objects']) await client.query(`create table raw_${table} (like satchel.${table} including all)`);
  let number = 0;
  let row = 0;
  const marks = Array.from({ length: BATCH }, () => `(${COLUMNS.map(() => `$${(row += 1)}`).join(', ')})`).join(', ');
  return {
    kind: 'PostgreSQL',
    place: 'raw inserts',
    async begin() {
      number += 1;
    },
    async write(space, _before, { records, objects }) {
      await client.query('begin');
      for (const { id, bytes } of objects)
        await client.query('insert into raw_objects values ($1, $2, $3)', [hexToBytes(space), hexToBytes(id), bytes]);
      await client.query(`insert into raw_log_records (${COLUMNS.join(', ')}) values ${marks}`, rowValues(number, records));
      await client.query('commit');
    },
    close: () => client.end(),
  };
}
