import Database from 'better-sqlite3';
import { bytesToHex, hexToBytes, ZERO_HASH, type ObjectId, type SpaceId } from '../../core/ids.ts';
import { openDerived } from '../sqlite/open-derived.ts';
import { openIndexFile } from './bucket-index-file.ts';
import { entryName, packBase, type DecodedEntry, type KeptBlob, type Pack } from './index-entry.ts';

/** The last entry that the index holds; position 0 and zeros: none. */
export interface IndexHead {
  readonly position: number;
  readonly hash: string;
}

/** Where an object lies. */
export interface LocatedObject {
  readonly id: ObjectId;
  readonly blob: string;
  /** From the beginning of the blob. */
  readonly offset: number;
  readonly size: number;
}

/** A blob that holds objects, or held some. */
export interface IndexedBlob {
  readonly name: string;
  readonly size: number;
  /** Of the objects that lie in it. */
  readonly live: number;
  readonly objects: number;
  /** Where its data begin. */
  readonly dataAt: number;
}

/** Rows of a snapshot: the whole index of a space at one position. */
export interface IndexState {
  readonly head: IndexHead;
  readonly condemned: number;
  readonly blobs: readonly { readonly name: string; readonly size: number; readonly dataAt: number }[];
  /** Ascending by id. */
  readonly objects: Iterable<LocatedObject>;
}

/**
 * What the logs of a bucket say by now, kept on this disk: derived, and made anew from the bucket where it is missing or
 * damaged. Entries are taken in their order; any other is left, so that taking one twice does no harm.
 */
export interface BucketIndex {
  head(space: SpaceId): IndexHead;
  /** Below which position unnamed packs do not count. */
  condemned(space: SpaceId): number;
  /** False where it is not the next one. A restart is the next one after any that is before it. */
  apply(space: SpaceId, entry: DecodedEntry): boolean;
  find(space: SpaceId, ids: readonly ObjectId[]): LocatedObject[];
  /** Ascending by id, from `after` (exclusive) on. */
  page(space: SpaceId, after: ObjectId | null, limit: number): LocatedObject[];
  /** O(objects of the space). */
  blobs(space: SpaceId): IndexedBlob[];
  hasBlob(space: SpaceId, name: string): boolean;
  inBlob(space: SpaceId, name: string): LocatedObject[];
  /** Nothing lies in that blob any more, and it is not there. */
  dropBlob(space: SpaceId, name: string): void;
  forget(space: SpaceId): void;
  /**
   * Puts a whole state in the place of a space's: `begin`, then all its objects, then `end`. Until then the space is empty,
   * and no entry may be taken. Throws RangeError for an object in a blob that is not there.
   */
  readonly loading: {
    begin(space: SpaceId, blobs: IndexState['blobs']): void;
    add(space: SpaceId, objects: readonly LocatedObject[]): void;
    end(space: SpaceId, head: IndexHead, condemned: number): void;
  };
  /** O(objects). */
  count(space: SpaceId): number;
  /** Hands out one moment's whole state, however long its use takes. */
  withState<T>(space: SpaceId, use: (state: IndexState) => Promise<T>): Promise<T>;
  /** Notes of this node, by name. */
  note(name: string): string | null;
  setNote(name: string, text: string): void;
  shrink(): void;
  close(): void;
}

interface ObjectRow {
  readonly id: Uint8Array;
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

interface SpaceRow {
  readonly number: number;
  readonly position: number;
  readonly hash: Uint8Array;
  readonly condemned: number;
}

const SPACE = 'select number, position, hash, condemned from spaces where id = ?';
const OBJECTS = 'select objects.id, blobs.name, objects.offset, objects.size from objects join blobs on blobs.number = objects.blob';
const BLOBS = `select name, blobs.size as size, data_at as dataAt, coalesce(sum(objects.size), 0) as live, count(objects.id) as objects
  from blobs left join objects on objects.space = blobs.space and objects.blob = blobs.number
  where blobs.space = ? group by blobs.number order by name`;

const NO_HEAD: IndexHead = { position: 0, hash: ZERO_HASH };

/** Opens or makes the index at `path`, 0600, which is of one node. A damaged one is made anew. Throws `StoreUnusable`. */
export function openBucketIndex(path: string): BucketIndex {
  return openDerived(path, openIndex);
}

function openIndex(path: string): BucketIndex {
  const db = openIndexFile(path);
  const spaceRow = db.prepare<[Uint8Array], SpaceRow>(SPACE);
  const addSpace = db.prepare('insert into spaces (id, position, hash, condemned) values (?, 0, ?, 0)');
  const setHead = db.prepare('update spaces set position = ?, hash = ? where number = ?');
  const setCondemned = db.prepare('update spaces set condemned = max(condemned, ?) where number = ?');
  const blobNumber = db.prepare<[number, string], number>('select number from blobs where space = ? and name = ?').pluck();
  const addBlob = db.prepare('insert into blobs (space, name, size, data_at) values (?, ?, ?, ?)');
  const dropBlob = db.prepare(
    'delete from blobs where space = ? and name = ? and not exists (select 1 from objects where objects.space = blobs.space and blob = blobs.number)',
  );
  const blobOf = db.prepare<[number, Uint8Array], number>('select blob from objects where space = ? and id = ?').pluck();
  const setObject = db.prepare('insert or replace into objects (space, id, blob, offset, size) values (?, ?, ?, ?, ?)');
  const dropObject = db.prepare('delete from objects where space = ? and id = ?');
  const object = db.prepare<[number, Uint8Array], ObjectRow>(`${OBJECTS} where objects.space = ? and objects.id = ?`);
  const page = db.prepare<[number, Uint8Array, number], ObjectRow>(
    `${OBJECTS} where objects.space = ? and objects.id > ? order by objects.id limit ?`,
  );
  const inBlob = db.prepare<[number, number], ObjectRow>(`${OBJECTS} where objects.space = ? and objects.blob = ? order by objects.offset`);
  const blobs = db.prepare<[number], IndexedBlob>(BLOBS);
  const forgets = ['objects where space', 'blobs where space', 'spaces where number'].map((which) =>
    db.prepare(`delete from ${which} = ?`),
  );
  const emptied = forgets.slice(0, 2);
  const dropIn = db.prepare('delete from objects where space = ? and blob = ?');
  const count = db.prepare<[number], number>('select count(*) from objects where space = ?').pluck();
  const note = db.prepare<[string], string>('select text from notes where name = ?').pluck();
  const setNote = db.prepare('insert or replace into notes (name, text) values (?, ?)');

  const rowOf = (space: SpaceId) => spaceRow.get(hexToBytes(space));
  const numberOf = (space: SpaceId): number => rowOf(space)?.number ?? -1;

  function makeSpace(space: SpaceId): number {
    return rowOf(space)?.number ?? Number(addSpace.run(hexToBytes(space), hexToBytes(ZERO_HASH)).lastInsertRowid);
  }

  /** The pack's number, or null where it does not count. */
  function takePack(space: SpaceId, number: number, { name, size }: Pack, at: { position: number; dataAt: number }): number | null {
    const blob = name ?? entryName(at.position);
    if (blobNumber.get(number, blob) !== undefined) return null;
    if (name !== null && (packBase(name) ?? 0) < (rowOf(space)?.condemned ?? 0)) return null;
    return Number(addBlob.run(number, blob, size, name === null ? at.dataAt : 0).lastInsertRowid);
  }

  function applyChange(space: SpaceId, number: number, { entry: { change, position }, dataAt }: DecodedEntry): void {
    switch (change.type) {
      case 'put': {
        const heals = new Set(change.heals);
        for (const pack of change.packs) {
          const blob = takePack(space, number, pack, { position, dataAt });
          if (blob === null) continue;
          for (const { id, offset, size } of pack.objects) {
            const bytes = hexToBytes(id);
            if (blobOf.get(number, bytes) !== undefined && !heals.has(id)) continue;
            setObject.run(number, bytes, blob, offset + (pack.name === null ? dataAt : 0), size);
          }
        }
        return;
      }
      case 'delete':
        for (const id of change.ids) dropObject.run(number, hexToBytes(id));
        return;
      case 'move': {
        const blob = takePack(space, number, change.pack, { position, dataAt });
        if (blob === null) return;
        const from = new Set(change.from.map((name) => blobNumber.get(number, name)));
        for (const { id, offset, size } of change.pack.objects) {
          const bytes = hexToBytes(id);
          const at = blobOf.get(number, bytes);
          if (at !== undefined && from.has(at)) setObject.run(number, bytes, blob, offset + (change.pack.name === null ? dataAt : 0), size);
        }
        return;
      }
      case 'swept':
        for (const name of change.blobs) dropBlob.run(number, name);
        return;
      case 'condemn':
        setCondemned.run(change.below, number);
        return;
      case 'restart':
        for (const each of emptied) each.run(number);
        setCondemned.run(change.condemned, number);
        takeKept(number, change.blobs);
        return;
      case 'restated':
        takeKept(number, change.blobs);
    }
  }

  function takeKept(number: number, kept: readonly KeptBlob[]): void {
    for (const { name, size, dataAt, objects } of kept) {
      if (blobNumber.get(number, name) !== undefined) continue;
      const blob = Number(addBlob.run(number, name, size, dataAt).lastInsertRowid);
      for (const { id, offset, size: length } of objects) {
        const bytes = hexToBytes(id);
        if (blobOf.get(number, bytes) === undefined) setObject.run(number, bytes, blob, offset, length);
      }
    }
  }

  const forget = db.transaction((space: SpaceId): void => {
    const number = numberOf(space);
    for (const each of forgets) each.run(number);
  });

  function headOf(space: SpaceId): IndexHead {
    const row = rowOf(space);
    return row === undefined ? NO_HEAD : { position: row.position, hash: bytesToHex(row.hash) };
  }

  return {
    head: headOf,
    condemned: (space) => rowOf(space)?.condemned ?? 0,
    apply: db.transaction((space: SpaceId, decoded: DecodedEntry): boolean => {
      const { entry, hash } = decoded;
      const head = headOf(space);
      const isNext =
        entry.change.type === 'restart'
          ? entry.position > head.position
          : entry.position === head.position + 1 && entry.previous === head.hash;
      if (!isNext) return false;
      const number = makeSpace(space);
      applyChange(space, number, decoded);
      setHead.run(entry.position, hexToBytes(hash), number);
      return true;
    }),
    find(space, ids) {
      const number = numberOf(space);
      return ids.flatMap((id) => {
        const row = object.get(number, hexToBytes(id));
        return row === undefined ? [] : [{ id, blob: row.name, offset: row.offset, size: row.size }];
      });
    },
    page: (space, after, limit) =>
      page.all(numberOf(space), after === null ? new Uint8Array(0) : hexToBytes(after), limit).map(rowToLocated),
    blobs: (space) => blobs.all(numberOf(space)),
    hasBlob: (space, name) => blobNumber.get(numberOf(space), name) !== undefined,
    inBlob: (space, name) => inBlob.all(numberOf(space), blobNumber.get(numberOf(space), name) ?? -1).map(rowToLocated),
    dropBlob: db.transaction((space: SpaceId, name: string): void => {
      const number = numberOf(space);
      const at = blobNumber.get(number, name);
      if (at === undefined) return;
      dropIn.run(number, at);
      dropBlob.run(number, name);
    }),
    forget,
    loading: {
      begin: db.transaction((space: SpaceId, named: IndexState['blobs']): void => {
        forget(space);
        const number = makeSpace(space);
        for (const { name, size, dataAt } of named) addBlob.run(number, name, size, dataAt);
      }),
      add: db.transaction((space: SpaceId, objects: readonly LocatedObject[]): void => {
        const number = numberOf(space);
        for (const { id, blob, offset, size } of objects) {
          const at = blobNumber.get(number, blob);
          if (at === undefined) throw new RangeError('an object lies in a blob that is not there');
          setObject.run(number, hexToBytes(id), at, offset, size);
        }
      }),
      end: db.transaction((space: SpaceId, head: IndexHead, condemned: number): void => {
        const number = numberOf(space);
        setHead.run(head.position, hexToBytes(head.hash), number);
        setCondemned.run(condemned, number);
      }),
    },
    count: (space) => count.get(numberOf(space)) ?? 0,
    async withState(space, use) {
      const reader = new Database(path, { readonly: true });
      try {
        reader.exec('begin');
        const row = reader.prepare<[Uint8Array], SpaceRow>(SPACE).get(hexToBytes(space));
        const number = row?.number ?? -1;
        return await use({
          head: row === undefined ? NO_HEAD : { position: row.position, hash: bytesToHex(row.hash) },
          condemned: row?.condemned ?? 0,
          blobs: reader.prepare<[number], IndexedBlob>(BLOBS).all(number),
          objects: mapped(
            reader.prepare<[number], ObjectRow>(`${OBJECTS} where objects.space = ? order by objects.id`).iterate(number),
            rowToLocated,
          ),
        });
      } finally {
        reader.close();
      }
    },
    note: (name) => note.get(name) ?? null,
    setNote: (name, text) => void setNote.run(name, text),
    shrink: () => void db.pragma('shrink_memory'),
    close: () => db.close(),
  };
}

function rowToLocated({ id, name, offset, size }: ObjectRow): LocatedObject {
  return { id: bytesToHex(id) as ObjectId, blob: name, offset, size };
}

function* mapped<A, B>(rows: Iterable<A>, map: (row: A) => B): Generator<B> {
  for (const row of rows) yield map(row);
}
