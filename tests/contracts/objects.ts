import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SealedObject } from '../../src/core/crypto/object-cipher.ts';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import type { ObjectId, SpaceId } from '../../src/core/ids.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { ObjectStore } from '../../src/core/ports/objects.ts';

/** An object store under test. `reopen` closes it and opens the same data again; absent where nothing outlives it. */
export interface ObjectsSubject {
  readonly objects: ObjectStore;
  reopen?(): Promise<ObjectStore>;
  /** Closes what is open, and removes what was made. */
  dispose(): Promise<void>;
}

export const SPACE = sha256Hex('space') as SpaceId;
export const OTHER = sha256Hex('other') as SpaceId;

export function objectOf(bytes: Uint8Array): SealedObject {
  return { id: sha256Hex(bytes) as ObjectId, bytes };
}

export function randomObjects(count: number, size: number): SealedObject[] {
  return Array.from({ length: count }, () => objectOf(randomBytes(size)));
}

export function idsOf(objects: readonly SealedObject[]): ObjectId[] {
  return objects.map((each) => each.id);
}

export async function listOf(store: ObjectStore, space: SpaceId): Promise<Map<ObjectId, number>> {
  const found = new Map<ObjectId, number>();
  for await (const { id, size } of store.list(space)) found.set(id, size);
  return found;
}

/** Fails unless exactly these are there, whole. */
export async function expectExactly(store: ObjectStore, space: SpaceId, objects: readonly SealedObject[]): Promise<void> {
  expect(await listOf(store, space)).toEqual(new Map(objects.map((each) => [each.id, each.bytes.length])));
  await expectWhole(store, space, objects);
}

/** Fails unless these are there, whole. */
export async function expectWhole(store: ObjectStore, space: SpaceId, objects: readonly SealedObject[]): Promise<void> {
  expect(await store.has(space, idsOf(objects))).toEqual(new Set(idsOf(objects)));
  const got = await store.get(space, idsOf(objects));
  expect(got.size).toBe(new Set(idsOf(objects)).size);
  for (const { id, bytes } of objects) expect(Buffer.compare(got.get(id) ?? Buffer.of(), bytes)).toBe(0);
}

/** What every driver of the `ObjectStore` port keeps. A driver joins by calling this with a way to open an empty one. */
export function describeObjectsContract(name: string, open: () => Promise<ObjectsSubject>): void {
  describe(`objects: ${name}`, () => {
    let subject: ObjectsSubject;
    let store: ObjectStore;

    beforeEach(async () => {
      subject = await open();
      store = subject.objects;
    });
    afterEach(() => subject.dispose());

    const reopen = async (): Promise<void> => {
      if (subject.reopen !== undefined) store = await subject.reopen();
    };

    it('begins empty', async () => {
      const [one] = randomObjects(1, 10);
      const ids = one === undefined ? [] : [one.id];
      expect(await store.has(SPACE, ids)).toEqual(new Set());
      expect(await store.get(SPACE, ids)).toEqual(new Map());
      await store.delete(SPACE, ids);
      expect(await store.compact(SPACE)).toBe(0);
      await expectExactly(store, SPACE, []);
    });

    it('gives back what was put, in this life and the next', async () => {
      const objects = [...randomObjects(50, 1_000), objectOf(new Uint8Array(0)), ...randomObjects(1, LIMITS.objectCiphertext)];
      await store.put(SPACE, objects);
      await expectExactly(store, SPACE, objects);
      await reopen();
      await expectExactly(store, SPACE, objects);
      expect(await store.get(SPACE, [...idsOf(randomObjects(2, 8)), ...idsOf(objects.slice(0, 1))])).toHaveLength(1);
    });

    it('takes the same object again, at once and later', async () => {
      const objects = randomObjects(5, 100);
      await Promise.all([store.put(SPACE, [...objects, ...objects]), store.put(SPACE, objects)]);
      await store.put(SPACE, objects);
      await store.put(SPACE, []);
      await expectExactly(store, SPACE, objects);
      await reopen();
      await store.put(SPACE, objects);
      await expectExactly(store, SPACE, objects);
    });

    it('keeps spaces apart', async () => {
      const [mine, both, theirs] = [randomObjects(3, 100), randomObjects(2, 100), randomObjects(3, 100)];
      await Promise.all([store.put(SPACE, [...mine, ...both]), store.put(OTHER, [...theirs, ...both])]);
      expect(await store.has(SPACE, idsOf(theirs))).toEqual(new Set());
      expect(await store.get(SPACE, idsOf(theirs))).toEqual(new Map());
      await store.delete(SPACE, idsOf([...both, ...theirs]));
      await store.compact(SPACE);
      await expectExactly(store, SPACE, mine);
      await expectExactly(store, OTHER, [...theirs, ...both]);
    });

    it('takes many at once', async () => {
      const batches = Array.from({ length: 40 }, () => randomObjects(30, 500));
      await Promise.all(batches.map((batch) => store.put(SPACE, batch)));
      await expectExactly(store, SPACE, batches.flat());
      await reopen();
      await expectExactly(store, SPACE, batches.flat());
    });

    it('keeps its own copy', async () => {
      const bytes = randomBytes(100);
      const object = objectOf(Uint8Array.from(bytes));
      await store.put(SPACE, [object]);
      object.bytes.fill(0);
      expect(Buffer.compare((await store.get(SPACE, [object.id])).get(object.id) ?? Buffer.of(), bytes)).toBe(0);
    });

    it('refuses bytes of another id, and what is too large', async () => {
      const [one, two] = randomObjects(2, 100);
      if (one === undefined || two === undefined) throw new Error('two objects');
      await expect(store.put(SPACE, [{ id: one.id, bytes: two.bytes }])).rejects.toThrow(RangeError);
      await expect(store.put(SPACE, randomObjects(1, LIMITS.objectCiphertext + 1))).rejects.toThrow(RangeError);
      await expectExactly(store, SPACE, []);
      await store.put(SPACE, [one]);
      await expectExactly(store, SPACE, [one]);
    });

    it('forgets what was deleted, keeps the rest, and takes it anew', async () => {
      const objects = randomObjects(100, 1_000);
      await store.put(SPACE, objects);
      const [gone, kept] = [objects.slice(0, 70), objects.slice(70)];
      await store.delete(SPACE, idsOf(gone));
      await store.delete(SPACE, idsOf(gone));
      await expectExactly(store, SPACE, kept);
      await reopen();
      await expectExactly(store, SPACE, kept);
      await store.compact(SPACE);
      await expectExactly(store, SPACE, kept);
      await store.put(SPACE, gone.slice(0, 10));
      await expectExactly(store, SPACE, [...kept, ...gone.slice(0, 10)]);
      await reopen();
      await expectExactly(store, SPACE, [...kept, ...gone.slice(0, 10)]);
    });

    it('does not find what was deleted while it was asked for', async () => {
      const objects = randomObjects(20, 1_000);
      await store.put(SPACE, objects);
      const ids = idsOf(objects);
      expect((await store.has(SPACE, ids)).size).toBe(20);
      const deleting = store.delete(SPACE, ids.slice(0, 10));
      let isOver = false;
      const over = deleting.finally(() => (isOver = true));
      while (!isOver) {
        await store.has(SPACE, ids);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await over;
      expect(await store.has(SPACE, ids)).toEqual(new Set(ids.slice(10)));
    });

    it('goes on while it compacts', async () => {
      const objects = randomObjects(200, 2_000);
      await store.put(SPACE, objects);
      const [gone, late, kept] = [objects.slice(0, 150), objects.slice(150, 170), objects.slice(170)];
      await store.delete(SPACE, idsOf(gone));
      const more = randomObjects(50, 2_000);
      await Promise.all([
        store.compact(SPACE),
        ...more.map((each) => store.put(SPACE, [each])),
        ...late.map((each) => store.delete(SPACE, [each.id])),
        ...kept.map((each) => expectWhole(store, SPACE, [each])),
      ]);
      await expectExactly(store, SPACE, [...kept, ...more]);
      await reopen();
      await expectExactly(store, SPACE, [...kept, ...more]);
    });
  });
}
