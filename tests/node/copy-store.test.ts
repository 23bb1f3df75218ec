import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EMPTY_HEAD, headAfter } from '../../src/core/log/record.ts';
import { DamagedObject, type ObjectStore } from '../../src/core/ports/objects.ts';
import { amountOf, compareStores, CopyFailed, copyStore, type Place } from '../../src/node/shared-store/copy-store.ts';
import { shelfOf } from '../../src/remotes/local-checkpoints.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createMemoryObjects } from '../../src/store/chunks/memory-objects.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createSpaceWriter, sealedObject, segment, type SpaceWriter } from '../contracts/space-writer.ts';
import { createTestClock } from '../contracts/test-clock.ts';

let folder: string;
let [from, to]: [Place, Place] = [null as never, null as never];
let writer: SpaceWriter;
const object = sealedObject(2_000);

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'satchel-copy-'));
  const place = async (name: string): Promise<Place> => ({
    store: await createSqliteStore({ path: path.join(folder, name) }),
    objects: createMemoryObjects(),
  });
  [from, to] = [await place('from.db'), await place('to.db')];
  writer = await fill(from);
});
afterEach(async () => {
  await from.store.close();
  await to.store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** One more space, of two records and a body. */
async function fill(place: Place): Promise<SpaceWriter> {
  const one = createSpaceWriter();
  const remote = createLocalRemote({ ...place, clock: createTestClock(), address: 'local:' });
  const second = one.record(headAfter(one.genesis), { objects: [object.id] });
  await remote.append(one.space, EMPTY_HEAD, segment([one.genesis, second], [object]));
  await remote.close();
  return one;
}

const copy = async (): Promise<void> => copyStore(from, to, await amountOf(from), () => undefined);
const compare = async (): Promise<void> => compareStores(from, to, await amountOf(from), () => undefined);

describe('a store that was copied', () => {
  it('is the same', async () => {
    await copy();
    await compare();
    expect(await amountOf(to)).toEqual(await amountOf(from));
  });

  it('is none where a body is missing there', async () => {
    await copy();
    await to.objects.delete(writer.space, [object.id]);
    await expect(compare()).rejects.toThrow(/1 bodies .* are missing/);
  });

  it('is none where a body was damaged, there or before: named, and what to do', async () => {
    const damaged = (objects: ObjectStore): ObjectStore => ({
      ...objects,
      get: () => Promise.reject(new DamagedObject(writer.space, object.id, 'a pack')),
    });
    const [sound, copied] = [from, to];
    await copy();
    to = { ...copied, objects: damaged(copied.objects) };
    await expect(compare()).rejects.toThrow(
      new CopyFailed(`the copy of object ${object.id} is damaged: empty the database, and begin the move again`),
    );
    await copied.objects.delete(writer.space, [object.id]);
    [from, to] = [{ ...sound, objects: damaged(sound.objects) }, copied];
    await expect(copy()).rejects.toThrow(new CopyFailed(`object ${object.id} is damaged in a pack; run: satchel store verify --read-data`));
    // Where both are one bucket, it is the store's own.
    to = { ...copied, objects: from.objects };
    await expect(compare()).rejects.toThrow(/is damaged in a pack; run/);
    [from, to] = [sound, copied];
  });

  it.each(['beside the log', 'on its shelf of checkpoints'])('is none where there is a body more there, %s: named', async (where) => {
    await copy();
    const stray = sealedObject(3_000);
    await to.objects.put(where === 'beside the log' ? writer.space : shelfOf(writer.space), [stray]);
    await expect(compare()).rejects.toThrow(CopyFailed);
    await expect(compare()).rejects.toThrow(`holds 1 bodies of ${writer.space.slice(0, 8)} that the store has not`);
    // Begun again, as after an interruption, it goes.
    await copy();
    await compare();
  });

  it('is none where there is a log more there, or another in the place of one: named', async () => {
    await copy();
    const other = await fill(to);
    await expect(compare()).rejects.toThrow(other.space.slice(0, 8));
    await to.store.write((tx) => tx.logs.remove(writer.space));
    await expect(compare()).rejects.toThrow(other.space.slice(0, 8));
  });

  it('is none where there is a record more there', async () => {
    const second = (await from.store.read((tx) => tx.logs.head(writer.space)))!;
    await copy();
    const remote = createLocalRemote({ ...to, clock: createTestClock(), address: 'local:' });
    await remote.append(writer.space, second, segment([writer.record(second)]));
    await remote.close();
    await expect(compare()).rejects.toThrow(/differs behind position/);
  });

  it('is none where a note of the hub is more there', async () => {
    await copy();
    await to.store.write((tx) => tx.documents.put('strays', 'one', { here: true }));
    await expect(compare()).rejects.toThrow(/notes differs/);
    await copy();
    await compare();
  });
});
