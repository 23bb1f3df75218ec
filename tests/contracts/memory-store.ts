import type { SealedObject } from '../../src/core/crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../../src/core/ids.ts';
import type { Head } from '../../src/core/log/record.ts';
import type { ObjectStore } from '../../src/core/ports/objects.ts';
import type { Store, StoredRecord, StoreTransaction } from '../../src/core/ports/store.ts';

/** Logs and documents only: what a local remote uses of a store. Transactions run one after the other; none is rolled back. */
export function createLogStoreDouble(): Store {
  const logs = new Map<string, StoredRecord[]>();
  const documents = new Map<string, Map<string, string>>();
  const headOf = (space: SpaceId): Head | null => {
    const last = logs.get(space)?.at(-1);
    return last === undefined ? null : { term: last.term, position: last.position, hash: last.hash };
  };
  const tx = {
    logs: {
      head: async (space: SpaceId) => headOf(space),
      spaces: async () => [...logs.keys()] as SpaceId[],
      async append(space: SpaceId, expected: Head, records: readonly StoredRecord[]) {
        const head = headOf(space);
        if ((head?.position ?? -1) !== expected.position || (head !== null && head.hash !== expected.hash)) return false;
        logs.set(space, [...(logs.get(space) ?? []), ...records]);
        return true;
      },
      controls: async (space: SpaceId, from: number) =>
        (logs.get(space) ?? []).filter((record) => record.type === 'control' && record.position >= from),
      async read(space: SpaceId, from: number, limit: { readonly records: number; readonly bytes: number }) {
        const page: StoredRecord[] = [];
        let bytes = 0;
        for (const record of (logs.get(space) ?? []).slice(from)) {
          bytes += record.bytes.length;
          if (page.length === limit.records || (page.length > 0 && bytes > limit.bytes)) break;
          page.push(record);
        }
        return page;
      },
    },
    documents: {
      async get(collection: string, id: string) {
        const json = documents.get(collection)?.get(id);
        return json === undefined ? undefined : JSON.parse(json);
      },
      async put(collection: string, id: string, value: unknown) {
        const entries = documents.get(collection) ?? new Map<string, string>();
        documents.set(collection, entries.set(id, JSON.stringify(value)));
      },
      async remove(collection: string, id: string) {
        documents.get(collection)?.delete(id);
      },
      list: async (collection: string) => [...(documents.get(collection) ?? [])].map(([id, json]) => ({ id, value: JSON.parse(json) })),
    },
  } as unknown as StoreTransaction;
  let turn: Promise<unknown> = Promise.resolve();
  const run = <T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> => {
    const mine = turn.then(() => work(tx));
    turn = mine.catch(() => undefined);
    return mine;
  };
  return { read: run, write: run, close: async () => undefined };
}

export function createObjectStoreDouble(): ObjectStore {
  const spaces = new Map<SpaceId, Map<ObjectId, Uint8Array>>();
  const of = (space: SpaceId): Map<ObjectId, Uint8Array> => spaces.get(space) ?? new Map<ObjectId, Uint8Array>();
  return {
    async put(space, objects: readonly SealedObject[]) {
      const shelf = of(space);
      for (const { id, bytes } of objects) shelf.set(id, bytes);
      spaces.set(space, shelf);
    },
    has: async (space, ids) => new Set(ids.filter((id) => of(space).has(id))),
    get: async (space, ids) => new Map(ids.flatMap((id) => (of(space).has(id) ? [[id, of(space).get(id) as Uint8Array] as const] : []))),
    async delete(space, ids) {
      for (const id of ids) of(space).delete(id);
    },
    async *list(space) {
      for (const [id, bytes] of of(space)) yield { id, size: bytes.length };
    },
    compact: async () => 0,
    close: async () => undefined,
  };
}
