import type { ObjectId, SpaceId } from '../ids.ts';
import type { ControlPayload } from '../log/control.ts';
import type { LogRecord } from '../log/record.ts';
import type { StoreTransaction } from '../ports/store.ts';

export type Dropping = 'pruned' | 'erased';

/** Objects that the log says are gone: pruned, or erased, some of which others took the place of. */
export interface DroppedObjects {
  /** Where it is kept what came back, in the documents of the store. */
  readonly collection: string;
  /** How it went; `null` while it should be there. O(1). */
  how(id: ObjectId): Dropping | null;
  /** What stands in its place: itself, unless something was cut from it. O(1). */
  replacement(id: ObjectId): ObjectId;
  /** An object and what erase records put in its place since, oldest first: each lacks more than the one before it. */
  forms(id: ObjectId): readonly ObjectId[];
  /** The position of the last record that dropped anything; -1: none. */
  readonly last: number;

  /** Reads what came back; before the control records are noted. O(objects that did). */
  open(tx: Pick<StoreTransaction, 'documents'>): Promise<void>;
  /** Takes what a valid control record drops. O(objects that it names). */
  note(payload: ControlPayload, position: number): void;
  /**
   * Writes down that what a valid commit names is there again: it can be read, and pruned or erased once more. Returns what
   * takes it in, for when that is durable. O(objects that it names).
   */
  noteReturned(tx: Pick<StoreTransaction, 'documents'>, record: LogRecord): Promise<() => void>;
  clear(): void;
}

interface Returned {
  readonly position: number;
}

export function createDroppedObjects(space: SpaceId): DroppedObjects {
  const dropped = new Map<ObjectId, { readonly how: Dropping; readonly position: number }>();
  /** Dropped objects that a commit named again: by the last one that did. */
  const returned = new Map<ObjectId, number>();
  /** What erase records put in the place of an object, one after another. */
  const replaced = new Map<ObjectId, readonly ObjectId[]>();
  const collection = `returned/${space}`;
  let last = -1;

  const drop = (id: ObjectId, how: Dropping, position: number): void => {
    if ((returned.get(id) ?? -1) < position) dropped.set(id, { how, position });
  };

  return {
    collection,
    how: (id) => dropped.get(id)?.how ?? null,
    replacement: (id) => replaced.get(id)?.at(-1) ?? id,
    forms: (id) => [id, ...(replaced.get(id) ?? [])],
    get last() {
      return last;
    },

    async open(tx) {
      for (const { id, value } of await tx.documents.list<Returned>(collection)) returned.set(id as ObjectId, value.position);
    },

    note(payload, position) {
      if (payload.op !== 'prune' && payload.op !== 'erase') return;
      last = position;
      for (const id of payload.objects) drop(id, payload.op === 'prune' ? 'pruned' : 'erased', position);
      if (payload.op === 'prune') return;
      for (const { from, to } of payload.replaced) replaced.set(from, [...(replaced.get(from) ?? []), to]);
    },

    async noteReturned(tx, { header }) {
      const { position } = header;
      const back = dropped.size === 0 ? [] : header.objects.filter((id) => (dropped.get(id)?.position ?? position) < position);
      for (const id of back) await tx.documents.put<Returned>(collection, id, { position });
      return () => {
        for (const id of back) {
          dropped.delete(id);
          returned.set(id, position);
        }
      };
    },

    clear() {
      dropped.clear();
      returned.clear();
      replaced.clear();
      last = -1;
    },
  };
}
