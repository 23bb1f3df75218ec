import { sha256Hex } from '../../core/crypto/hash.ts';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../../core/ids.ts';
import { EMPTY_HEAD, type Head } from '../../core/log/record.ts';
import { DamagedObject, type ObjectStore } from '../../core/ports/objects.ts';
import type { Store, StoredRecord } from '../../core/ports/store.ts';
import { shelfOf } from '../../remotes/local-checkpoints.ts';
import { HUB_COLLECTION } from './hub-identity.ts';

export interface Place {
  readonly store: Store;
  readonly objects: ObjectStore;
}

/** What there is of a hub's store. Bytes are of objects. */
export interface StoreAmount {
  readonly spaces: number;
  readonly records: number;
  readonly objects: number;
  readonly bytes: number;
  readonly documents: number;
}

/** The copy is none, or the store is none that can be copied so: nothing was switched over. */
export class CopyFailed extends Error {
  override readonly name = 'CopyFailed';
}

const PAGE = { records: 500, bytes: 4 * 1024 * 1024 };
const OBJECTS = 64;
const OBJECT_BYTES = 8 * 1024 * 1024;
const ENTRIES = { entries: 500, bytes: 4 * 1024 * 1024 };

export type OnProgress = (label: string, done: number, total: number) => void;

/** O(records and objects), without reading them. */
export async function amountOf({ store, objects }: Place): Promise<StoreAmount> {
  const spaces = await store.read((tx) => tx.logs.spaces());
  let [records, count, bytes] = [0, 0, 0];
  for (const space of spaces) {
    records += ((await store.read((tx) => tx.logs.head(space)))?.position ?? -1) + 1;
    for (const shelf of [space, shelfOf(space)]) {
      for await (const { size } of objects.list(shelf)) [count, bytes] = [count + 1, bytes + size];
    }
  }
  return { spaces: spaces.length, records, objects: count, bytes, documents: (await documentsOf(store)).length };
}

/** Copies what is missing at `to`: it may be interrupted at any point, and goes on from there. */
export async function copyStore(from: Place, to: Place, amount: StoreAmount, onProgress: OnProgress): Promise<void> {
  let [records, objects] = [0, 0];
  for (const space of await from.store.read((tx) => tx.logs.spaces())) {
    // Objects first, as in an append: no record names one that is not there.
    for (const shelf of [space, shelfOf(space)]) {
      for await (const batch of batchesOf(from.objects, shelf)) {
        const here = await to.objects.has(shelf, batch);
        const missing = batch.filter((id) => !here.has(id));
        const found = await intact(from.objects.get(shelf, missing));
        await to.objects.put(
          shelf,
          missing.flatMap((id): SealedObject[] => {
            const bytes = found.get(id);
            return bytes === undefined ? [] : [{ id, bytes }];
          }),
        );
        onProgress('copying bodies', (objects += batch.length), amount.objects);
      }
      await dropStrays(from.objects, to.objects, shelf);
    }
    const before = records;
    await copyLog(from.store, to.store, space, (done) => onProgress('copying records', (records = before + done), amount.records));
  }
  await copyDocuments(from.store, to.store);
  await copyFeeds(from.store, to.store);
}

/** Nothing goes over that is damaged: {@link CopyFailed} says which body, and what to do where it is one of the copy. */
async function intact<T>(bodies: Promise<T>, whose: 'copy' | null = null): Promise<T> {
  try {
    return await bodies;
  } catch (error) {
    if (!(error instanceof DamagedObject)) throw error;
    throw new CopyFailed(
      whose === null ? error.message : `the copy of object ${error.id} is damaged: empty the database, and begin the move again`,
    );
  }
}

/** What went since the copy was begun before, pruned or erased, goes there too. */
async function dropStrays(from: ObjectStore, to: ObjectStore, shelf: SpaceId): Promise<void> {
  for await (const batch of batchesOf(to, shelf)) {
    const kept = await from.has(shelf, batch);
    const strays = batch.filter((id) => !kept.has(id));
    if (strays.length > 0) await to.delete(shelf, strays);
  }
}

async function copyLog(from: Store, to: Store, space: SpaceId, onDone: (position: number) => void): Promise<void> {
  for (;;) {
    const head = (await to.read((tx) => tx.logs.head(space))) ?? EMPTY_HEAD;
    const [same] = head.position < 0 ? [] : await from.read((tx) => tx.logs.read(space, head.position, { records: 1, bytes: 1 }));
    if (head.position >= 0 && same?.hash !== head.hash)
      throw new CopyFailed(`the database holds another log of ${space.slice(0, 8)}: it is not a copy of this store`);
    const page = await from.read((tx) => tx.logs.read(space, head.position + 1, PAGE));
    onDone(head.position + 1);
    if (page.length === 0) return;
    await appendPage(to, space, head, page);
  }
}

async function appendPage(to: Store, space: SpaceId, head: Head, page: readonly StoredRecord[]): Promise<void> {
  if (page[0]?.position !== head.position + 1) throw new CopyFailed(`the log of ${space.slice(0, 8)} has a gap behind ${head.position}`);
  if (!(await to.write((tx) => tx.logs.append(space, head, page)))) throw new CopyFailed('another process writes to the database');
}

/** Where the copy was begun before, documents may have gone since. */
async function copyDocuments(from: Store, to: Store): Promise<void> {
  const all = await documentsOf(from);
  const kept = new Set(all.map(({ collection, id }) => `${collection}\0${id}`));
  const stale = (await documentsOf(to)).filter(({ collection, id }) => !kept.has(`${collection}\0${id}`));
  for (const { collection, id } of stale) await to.write((tx) => tx.documents.remove(collection, id));
  for (let start = 0; start < all.length; start += PAGE.records) {
    await to.write(async (tx) => {
      for (const { collection, id, value } of all.slice(start, start + PAGE.records)) await tx.documents.put(collection, id, value);
    });
  }
}

async function documentsOf(store: Store): Promise<{ collection: string; id: string; value: unknown }[]> {
  return store.read(async ({ documents }) => {
    const all = [];
    for (const collection of await documents.collections()) {
      if (collection === HUB_COLLECTION) continue; // of the place, not of what is kept there
      for (const each of await documents.list<unknown>(collection)) all.push({ collection, ...each });
    }
    return all;
  });
}

async function copyFeeds(from: Store, to: Store): Promise<void> {
  for (const feed of await from.read((tx) => tx.feeds.list())) {
    const source = await from.read((tx) => tx.feeds.head(feed));
    if (source === null) continue;
    const begun = await to.write((tx) => tx.feeds.begin(feed, source.epoch));
    if (begun.epoch !== source.epoch)
      throw new CopyFailed(`the feed ${feed} began anew since the move was begun: empty the database, and begin it again`);
    for (let { number } = begun; number < source.number;) {
      const page = await from.read((tx) => tx.feeds.read(feed, number, ENTRIES));
      if (page.length === 0) throw new CopyFailed(`the feed ${feed} ends at ${number}, before its head`);
      number = await to.write((tx) => tx.feeds.append(feed, page));
    }
  }
}

/** Reads both, every byte, and throws {@link CopyFailed} at the first difference: what is missing there, and what is there beside it. */
export async function compareStores(from: Place, to: Place, amount: StoreAmount, onProgress: OnProgress): Promise<void> {
  let [records, objects] = [0, 0];
  const spaces = await from.store.read((tx) => tx.logs.spaces());
  const copied = await to.store.read((tx) => tx.logs.spaces());
  const foreign = copied.filter((space) => !spaces.includes(space));
  if (foreign.length > 0)
    throw new CopyFailed(
      `the database holds ${foreign.length} logs that the store has not (${foreign.map((space) => space.slice(0, 8)).join(', ')}): empty the database, and begin the move again`,
    );
  for (const space of spaces) {
    for (let position = 0; ;) {
      const [mine, theirs] = await Promise.all([from, to].map(({ store }) => store.read((tx) => tx.logs.read(space, position, PAGE))));
      if (mine === undefined || theirs === undefined) throw new Error('two pages');
      const isSame = mine.length === theirs.length && mine.every((record, index) => isSameRecord(record, theirs[index]));
      if (!isSame) throw new CopyFailed(`the copy of the log of ${space.slice(0, 8)} differs behind position ${position - 1}`);
      if (mine.length === 0) break;
      position += mine.length;
      onProgress('checking records', (records += mine.length), amount.records);
    }
    for (const shelf of [space, shelfOf(space)]) {
      for await (const batch of batchesOf(from.objects, shelf)) {
        // Which compares each with its hash. Chunks in a bucket are not copied: those are the store's own.
        const found = await intact(to.objects.get(shelf, batch), to.objects === from.objects ? null : 'copy');
        if (found.size !== batch.length) throw new CopyFailed(`${batch.length - found.size} bodies of ${space.slice(0, 8)} are missing`);
        onProgress('checking bodies', (objects += batch.length), amount.objects);
      }
      const more = await strayIn(to.objects, from.objects, shelf);
      if (more > 0) throw new CopyFailed(`the database holds ${more} bodies of ${space.slice(0, 8)} that the store has not`);
    }
  }
  const [mine, theirs] = await Promise.all(
    [from, to].map(async ({ store }) => JSON.stringify([await documentsOf(store), await feedsOf(store)])),
  );
  if (mine !== theirs) throw new CopyFailed('the copy of the hub’s own notes differs');
}

/** So many of one shelf are not there in the other place. */
async function strayIn(objects: ObjectStore, other: ObjectStore, shelf: SpaceId): Promise<number> {
  let strays = 0;
  for await (const batch of batchesOf(objects, shelf)) strays += batch.length - (await other.has(shelf, batch)).size;
  return strays;
}

function isSameRecord(one: StoredRecord, other: StoredRecord | undefined): boolean {
  return other !== undefined && one.position === other.position && one.hash === other.hash && Buffer.compare(one.bytes, other.bytes) === 0;
}

async function feedsOf(store: Store): Promise<unknown[]> {
  const found = [];
  for (const feed of await store.read((tx) => tx.feeds.list())) {
    const head = await store.read((tx) => tx.feeds.head(feed));
    found.push([feed, head]);
    for (let number = 0; number < (head?.number ?? 0);) {
      const page = await store.read((tx) => tx.feeds.read(feed, number, ENTRIES));
      if (page.length === 0) break;
      number = page.at(-1)?.number ?? number;
      found.push(sha256Hex(JSON.stringify(page)));
    }
  }
  return found;
}

async function* batchesOf(objects: ObjectStore, shelf: SpaceId): AsyncGenerator<ObjectId[]> {
  let [batch, bytes]: [ObjectId[], number] = [[], 0];
  for await (const { id, size } of objects.list(shelf)) {
    if (batch.length > 0 && (batch.length === OBJECTS || bytes + size > OBJECT_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(id);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
