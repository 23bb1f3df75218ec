import { sql, type Kysely } from 'kysely';
import { objectIdOf } from '../../core/crypto/object-id.ts';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import { bytesToHex, hexToBytes, type ObjectId, type SpaceId } from '../../core/ids.ts';
import { DamagedObject, type ObjectStore } from '../../core/ports/objects.ts';
import type { StoreTransaction } from '../../core/ports/store.ts';
import { checkObject } from '../chunks/check-object.ts';
import type { ObjectSchema } from './object-migration.ts';

/** Of one statement: rows, and bytes of bodies. */
const IDS = 1_000;
const ROWS = 100;
const BYTES = 4 * 1024 * 1024;

export interface PostgresObjectsDeps {
  /** Of its own, beside the store's: a transaction of the store may wait for objects, and these wait for nobody. */
  readonly db: Kysely<ObjectSchema>;
  /** Asks inside a transaction of the store; `null`: of another database, or one that only reads. */
  readonly within: (tx: StoreTransaction) => Kysely<ObjectSchema> | null;
  /** Runs a transaction again where it has to be, and explains its failure. */
  readonly around: <T>(run: () => Promise<T>) => Promise<T>;
  /** Makes the room of deleted rows free to be overwritten. */
  readonly vacuum: () => Promise<void>;
  /** What `db` runs on, where nothing ran on it too. Idempotent. */
  readonly closePool: () => Promise<void>;
}

/** Objects as rows of a table: where several hubs share a database and no other place for objects. */
export function createPostgresObjects({ db, within, around, vacuum, closePool }: PostgresObjectsDeps): ObjectStore {
  const transact = <T>(access: 'read only' | 'read write', work: (tx: Kysely<ObjectSchema>) => Promise<T>): Promise<T> =>
    around(() => db.transaction().setAccessMode(access).execute(work));

  return {
    put: (space, objects) => (objects.length === 0 ? Promise.resolve() : transact('read write', (tx) => putInside(tx, space, objects))),
    has: (space, ids) => transact('read only', (tx) => hasInside(tx, space, ids)),
    within(tx) {
      const inside = within(tx);
      return inside && { put: (space, objects) => putInside(inside, space, objects), has: (space, ids) => hasInside(inside, space, ids) };
    },

    async get(space, ids) {
      const found = new Map<ObjectId, Uint8Array>();
      await transact('read only', async (tx) => {
        for (const some of slices(ids, ROWS)) {
          const rows = tx.selectFrom('objects').select(['id', 'bytes']).where('space', '=', hexToBytes(space));
          for (const row of await rows.where('id', 'in', some.map(hexToBytes)).execute()) {
            const id = bytesToHex(row.id) as ObjectId;
            if (objectIdOf(row.bytes) !== id) throw new DamagedObject(space, id, 'the database');
            found.set(id, row.bytes);
          }
        }
      });
      return found;
    },

    async delete(space, ids) {
      await transact('read write', async (tx) => {
        for (const some of slices([...new Set(ids)].toSorted(), IDS)) {
          await tx.deleteFrom('objects').where('space', '=', hexToBytes(space)).where('id', 'in', some.map(hexToBytes)).execute();
        }
      });
    },

    async *list(space) {
      for (let after: Uint8Array | null = null; ;) {
        const rows = await transact('read only', (tx) => {
          let page = tx
            .selectFrom('objects')
            .select((eb) => ['id', eb.fn<number>('octet_length', ['bytes']).as('size')])
            .where('space', '=', hexToBytes(space));
          if (after !== null) page = page.where('id', '>', after);
          return page.orderBy('id').limit(IDS).execute();
        });
        for (const { id, size } of rows) yield { id: bytesToHex(id) as ObjectId, size };
        after = rows.at(-1)?.id ?? null;
        if (after === null || rows.length < IDS) return;
      }
    },

    /** PostgreSQL gives the room to new rows by itself, by and by, and none back to the disk. */
    async compact(_space: SpaceId, { thorough = false } = {}) {
      if (thorough) await vacuum();
      return 0;
    },

    async close() {
      await db.destroy();
      await closePool();
    },
  };
}

async function putInside(tx: Kysely<ObjectSchema>, space: SpaceId, objects: readonly SealedObject[]): Promise<void> {
  objects.forEach(checkObject);
  // In one order, so that two who put the same ones never wait for each other.
  const rows = [...new Map(objects.map((each) => [each.id, each])).values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  for (const batch of batchesOf(rows)) {
    await tx
      .insertInto('objects')
      .values(batch.map(({ id, bytes }) => ({ space: hexToBytes(space), id: hexToBytes(id), bytes })))
      // What is there is read where somebody brings it again: good bytes take the place of damaged ones.
      .onConflict((conflict) =>
        conflict
          .columns(['space', 'id'])
          .doUpdateSet((eb) => ({ bytes: eb.ref('excluded.bytes') }))
          .where(sql<boolean>`sha256(objects.bytes) <> objects.id`),
      )
      .execute();
  }
}

async function hasInside(tx: Kysely<ObjectSchema>, space: SpaceId, ids: readonly ObjectId[]): Promise<Set<ObjectId>> {
  const found = new Set<ObjectId>();
  for (const some of slices(ids, IDS)) {
    const rows = tx.selectFrom('objects').select('id').where('space', '=', hexToBytes(space)).where('id', 'in', some.map(hexToBytes));
    for (const { id } of await rows.execute()) found.add(bytesToHex(id) as ObjectId);
  }
  return found;
}

function* batchesOf(objects: readonly SealedObject[]): Generator<readonly SealedObject[]> {
  let batch: SealedObject[] = [];
  let bytes = 0;
  for (const object of objects) {
    if (batch.length > 0 && (batch.length === ROWS || bytes + object.bytes.length > BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(object);
    bytes += object.bytes.length;
  }
  if (batch.length > 0) yield batch;
}

function* slices<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += size) yield all.slice(start, start + size);
}
