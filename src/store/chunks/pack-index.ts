import { closeSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { bytesToHex, hexToBytes, type ObjectId, type SpaceId } from '../../core/ids.ts';
import { openDerived } from '../sqlite/open-derived.ts';
import { isBefore, type Position } from './pack-format.ts';
import type { PlacedEntry } from './pack-scan.ts';

export interface Located extends Position {
  readonly id: ObjectId;
  /** Of the payload. */
  readonly size: number;
}

export interface IndexedPack {
  readonly number: number;
  readonly ident: string;
  /** Bytes of the pack that the index knows. */
  readonly length: number;
}

export interface Deletion {
  readonly id: ObjectId;
  readonly before: Position;
}

/** Where objects lie. Derived from the packs: behind after a power failure, never ahead of what is flushed in them. */
export interface PackIndex {
  readonly numberFor: (space: SpaceId) => number;
  readonly packs: (space: number) => IndexedPack[];
  /** Takes entries of one pack, in any order and again without harm, and notes that the pack is known up to `length`. */
  readonly apply: (space: number, pack: IndexedPack, entries: readonly PlacedEntry[]) => void;
  /** Forgets a pack and all that lies in it. */
  readonly removePack: (space: number, pack: number) => void;
  readonly find: (space: number, ids: readonly ObjectId[]) => Located[];
  /** Live objects in a pack, by offset. */
  readonly inPack: (space: number, pack: number) => Located[];
  /** Deletions that are written in a pack. */
  readonly deletionsIn: (space: number, pack: number) => Deletion[];
  /** Ascending by id, from `after` (exclusive) on. */
  readonly page: (space: number, after: ObjectId | null, limit: number) => Located[];
  /** Lets go of pages kept in memory. */
  readonly shrink: () => void;
  readonly close: () => void;
}

interface ObjectRow {
  readonly id: Uint8Array;
  readonly pack: number;
  readonly offset: number;
  readonly size: number;
}

interface DeletionRow {
  readonly id: Uint8Array;
  readonly before_pack: number;
  readonly before_offset: number;
}

/** Opens or makes the index at `path`, 0600, for this process alone. A damaged one is made anew. Throws `StoreUnusable`. */
export function openPackIndex(path: string): PackIndex {
  return openDerived(path, openIndex);
}

function openIndex(path: string): PackIndex {
  const db = openPrivately(path);
  const spaceNumber = db.prepare<[Uint8Array], number>('select number from spaces where id = ?').pluck();
  const addSpace = db.prepare('insert into spaces (id) values (?)');
  const packs = db.prepare<[number], IndexedPack>('select number, ident, length from packs where space = ? order by number');
  const setPack = db.prepare('insert or replace into packs (space, number, ident, length) values (?, ?, ?, ?)');
  const object = db.prepare<[number, Uint8Array], ObjectRow>('select id, pack, offset, size from objects where space = ? and id = ?');
  const setObject = db.prepare('insert or replace into objects (space, id, pack, offset, size) values (?, ?, ?, ?, ?)');
  const dropObject = db.prepare('delete from objects where space = ? and id = ?');
  const deletion = db.prepare<[number, Uint8Array], DeletionRow>(
    'select id, before_pack, before_offset from deletions where space = ? and id = ?',
  );
  const setDeletion = db.prepare('insert or replace into deletions (space, id, pack, before_pack, before_offset) values (?, ?, ?, ?, ?)');
  const inPack = db.prepare<[number, number], ObjectRow>(
    'select id, pack, offset, size from objects where space = ? and pack = ? order by offset',
  );
  const deletionsIn = db.prepare<[number, number], DeletionRow>(
    'select id, before_pack, before_offset from deletions where space = ? and pack = ?',
  );
  const page = db.prepare<[number, Uint8Array, number], ObjectRow>(
    'select id, pack, offset, size from objects where space = ? and id > ? order by id limit ?',
  );
  const removals = ['objects where space = ? and pack', 'deletions where space = ? and pack', 'packs where space = ? and number'].map(
    (which) => db.prepare(`delete from ${which} = ?`),
  );

  function applyEntry(space: number, entry: PlacedEntry): void {
    const id = hexToBytes(entry.id);
    const found = object.get(space, id);
    const gone = deletion.get(space, id);
    const limit = gone === undefined ? null : { pack: gone.before_pack, offset: gone.before_offset };
    if (entry.type === 'object') {
      const dead = limit !== null && isBefore(entry.at, limit);
      if (!dead && (found === undefined || isBefore(found, entry.at))) {
        setObject.run(space, id, entry.at.pack, entry.at.offset, entry.size);
      }
      return;
    }
    if (found !== undefined && isBefore(found, entry.before)) dropObject.run(space, id);
    if (limit === null || !isBefore(entry.before, limit)) {
      setDeletion.run(space, id, entry.at.pack, entry.before.pack, entry.before.offset);
    }
  }

  return {
    numberFor(space) {
      return spaceNumber.get(hexToBytes(space)) ?? Number(addSpace.run(hexToBytes(space)).lastInsertRowid);
    },
    packs: (space) => packs.all(space),
    apply: db.transaction((space: number, pack: IndexedPack, entries: readonly PlacedEntry[]) => {
      for (const entry of entries) applyEntry(space, entry);
      setPack.run(space, pack.number, pack.ident, pack.length);
    }),
    removePack: db.transaction((space: number, pack: number) => {
      for (const removal of removals) removal.run(space, pack);
    }),
    find(space, ids) {
      const found: Located[] = [];
      for (const id of ids) {
        const row = object.get(space, hexToBytes(id));
        if (row !== undefined) found.push({ id, pack: row.pack, offset: row.offset, size: row.size });
      }
      return found;
    },
    inPack: (space, pack) => inPack.all(space, pack).map(rowToLocated),
    deletionsIn: (space, pack) => deletionsIn.all(space, pack).map(rowToDeletion),
    page: (space, after, limit) => page.all(space, after === null ? new Uint8Array(0) : hexToBytes(after), limit).map(rowToLocated),
    shrink: () => void db.pragma('shrink_memory'),
    close: () => db.close(),
  };
}

/** Of pages kept in memory: objects have random names, so hardly any would do for a large index, and these do for 20,000. */
const CACHE_KIB = 2_048;

/** Not flushed with each commit: what it lacks after a power failure is read from the packs. */
function openPrivately(path: string): Database.Database {
  closeSync(openSync(path, 'a', 0o600));
  const db = new Database(path, { timeout: 2_000 });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma(`cache_size = -${CACHE_KIB}`);
    db.exec(`
      begin immediate;
      create table if not exists spaces (number integer primary key, id blob not null unique);
      create table if not exists packs (space integer not null, number integer not null, ident text not null, length integer not null,
        primary key (space, number)) without rowid;
      create table if not exists objects (space integer not null, id blob not null, pack integer not null, offset integer not null,
        size integer not null, primary key (space, id)) without rowid;
      create index if not exists objects_pack on objects (space, pack);
      create table if not exists deletions (space integer not null, id blob not null, pack integer not null,
        before_pack integer not null, before_offset integer not null, primary key (space, id)) without rowid;
      commit;`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function rowToLocated({ id, pack, offset, size }: ObjectRow): Located {
  return { id: bytesToHex(id) as ObjectId, pack, offset, size };
}

function rowToDeletion(row: DeletionRow): Deletion {
  return { id: bytesToHex(row.id) as ObjectId, before: { pack: row.before_pack, offset: row.before_offset } };
}
