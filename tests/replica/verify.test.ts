import { beforeEach, describe, expect, it } from 'vitest';
import type { ObjectId } from '../../src/core/ids.ts';
import type { Item } from '../../src/core/item.ts';
import { DamagedObject } from '../../src/core/ports/objects.ts';
import type { Store } from '../../src/core/ports/store.ts';
import { prune } from '../../src/core/replica/prune.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { verifySpace } from '../../src/core/replica/verify.ts';
import type { VerifyDepth } from '../../src/core/replica/verify-objects.ts';
import { ContentDamaged } from '../../src/store/content-codec.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createSmallSpace, type SmallMachine, type SmallSpace } from './small-space.ts';

const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };
const large = (seed: string): string => Array.from({ length: 3_000 }, (_, i) => `${seed} ${i}`).join('\n');

describe('verify', () => {
  let space: SmallSpace;
  let owner: SmallMachine;
  const verify = (depth: VerifyDepth) =>
    verifySpace(owner.replica, {
      depth,
      isHome: false,
      scratch: () => createSqliteStore({ path: ':memory:' }),
      onProgress: () => undefined,
    });
  const headObjects = async (): Promise<ObjectId[]> => {
    const state = (await owner.replica.visible([FILE])).values().next().value;
    return (state?.content?.pieces ?? []).map((piece) => piece.object);
  };

  /** Until a good one is put in its place, the object cannot be read: says whether that is so. */
  function rot(id: ObjectId): () => boolean {
    const { objects } = owner.deps;
    const [get, put] = [objects.get.bind(objects), objects.put.bind(objects)];
    let rotten = true;
    objects.get = async (of, ids) => {
      if (rotten && ids.includes(id)) throw new DamagedObject(of, id, 'a pack');
      return get(of, ids);
    };
    objects.put = async (of, given) => {
      rotten &&= !given.some((object) => object.id === id);
      await put(of, given);
    };
    return () => rotten;
  }

  beforeEach(async () => {
    space = await createSmallSpace('verify');
    owner = space.owner;
    for (const body of ['one', 'two']) {
      await owner.write(FILE, large(body));
      await syncWith(owner.replica, space.hub);
    }
  });

  it.each(['names', 'data', 'full'] as const)('finds nothing wrong where nothing is (%s)', async (depth) => {
    await prune(owner.replica, space.hub, { olderThan: 0, keep: 1 });
    await owner.write(FILE, large('a draft'));
    expect(await verify(depth)).toMatchObject({ problems: [], notes: [], healed: 0, records: 4 });
  });

  it('brings back what is missing, from the remote', async () => {
    const ids = await headObjects();
    await owner.deps.objects.delete(owner.replica.space, ids);
    expect(await verify('names')).toMatchObject({ problems: [], healed: ids.length });
    expect((await owner.deps.objects.has(owner.replica.space, ids)).size).toBe(ids.length);
  });

  it('names the item whose body is lost here and at the remote', async () => {
    const ids = await headObjects();
    await owner.deps.objects.delete(owner.replica.space, ids);
    owner.replica.setRemote(null);
    const { problems } = await verify('names');
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/CLAUDE\.md.*cannot be asked/);
  });

  it('notices bytes that rotted, once it reads them, and heals them', async () => {
    rot((await headObjects())[0] as ObjectId);
    expect(await verify('names')).toMatchObject({ problems: [], healed: 0 });
    expect(await verify('data')).toMatchObject({ problems: [], healed: 1 });
    expect(await verify('data')).toMatchObject({ problems: [], healed: 0 });
  });

  it('is not needed to read what rotted here: a good one from the remote takes its place', async () => {
    const isRotten = rot((await headObjects())[0] as ObjectId);
    owner.replica.bodies.forgetPlain();
    const [content] = [...(await owner.replica.visible([FILE])).values()].map((state) => state.content);
    if (content == null) throw new Error('no content');
    owner.replica.setRemote(null);
    await expect(owner.replica.bodies.read(content)).rejects.toMatchObject({
      name: 'BodyUnavailable',
      reason: 'damaged',
      message: expect.stringMatching(/damaged in a pack; run: satchel store verify --read-data/) as string,
    });
    owner.replica.setRemote(space.hub);
    expect(Buffer.from(await owner.replica.bodies.read(content)).toString()).toBe(large('two'));
    expect(isRotten()).toBe(false);
  });

  it('notices a state that the log does not make', async () => {
    const { store } = owner.deps;
    await store.write(async (tx) => {
      const [state] = await tx.items.list(owner.replica.space, { limit: 1 });
      if (state?.content == null) throw new Error('no item');
      await tx.items.put(owner.replica.space, [{ ...state, content: { ...state.content, size: state.content.size + 1 } }]);
    });
    expect((await verify('names')).problems).toEqual(['the items here are not what the log makes: "CLAUDE.md"']);
  });

  it('notices a state that cannot be read', async () => {
    const { store } = owner.deps;
    const unreadable: Store = {
      ...store,
      read: (work) =>
        store.read((tx) =>
          work({ ...tx, items: { ...tx.items, historyByPosition: () => Promise.reject(new ContentDamaged(new Error('a flipped bit'))) } }),
        ),
    };
    const replica = await Replica.open({ ...owner.deps, store: unreadable }, owner.replica.space);
    const report = await verifySpace(replica, {
      depth: 'full',
      isHome: false,
      onProgress: () => undefined,
      scratch: () => createSqliteStore({ path: ':memory:' }),
    });
    expect([report.corrupt, report.problems]).toEqual([true, ['what was made of the log is damaged in the store']]);
  });

  it('notices a log that does not continue itself', async () => {
    const { store } = owner.deps;
    await store.write(async (tx) => {
      const rows = await tx.logs.read(owner.replica.space, 0, { records: 10, bytes: 1e7 });
      const head = rows[1];
      if (head === undefined || rows[2] === undefined) throw new Error('no records');
      await tx.logs.fallBack(owner.replica.space, 1);
      const bytes = Buffer.from(rows[2].bytes);
      bytes.writeUInt8(bytes.readUInt8(200) ^ 1, 200);
      await tx.logs.append(owner.replica.space, { term: 0, position: 1, hash: head.hash }, [{ ...rows[2], bytes }]);
    });
    expect((await verify('names')).problems[0]).toMatch(/record 2/);
  });
});
