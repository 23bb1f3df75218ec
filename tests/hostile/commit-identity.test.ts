import { beforeEach, describe, expect, it } from 'vitest';
import { landAgain } from '../../src/core/replica/land-again.ts';
import type { SigningKey } from '../../src/core/crypto/signing.ts';
import type { CommitId } from '../../src/core/ids.ts';
import { EMPTY_HEAD, encodeRecord, headAfter, type LogRecord } from '../../src/core/log/record.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { followMove } from '../../src/core/replica/follow-move.ts';
import { beginWithCheckpoint, writeCheckpoint } from '../../src/core/replica/late-join.ts';
import { reviveHome } from '../../src/core/replica/move-home.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { push } from '../../src/core/replica/transfer.ts';
import { followSpace } from '../doubles/machine.ts';
import { Home, textItem } from '../replica/home.ts';
import { Forger } from './forge.ts';
import { createHub, createWorld, decoded, expectInSync, recordsAt, snapshotOf, voidsOf, type World } from './world.ts';

/**
 * A commit is its signer and its id: whatever another member signs under the same id, or carries of what it was given
 * to carry, neither suppresses, replaces nor acknowledges it.
 */
describe('a commit is its signer and its id', () => {
  let world: World;
  let forger: Forger;

  beforeEach(async () => {
    world = await createWorld('identity');
    forger = new Forger(world.b.replica, world.hub);
  });

  const by = () => world.b.replica.deps.machine.key;
  const draftId = () => world.a.replica.drafts[0]?.id as CommitId;
  const historyOf = (home: Home, name: string) =>
    home.replica.deps.store.read((tx) => tx.items.history(world.space, textItem(name), { limit: 10 }));

  /** The log's records of this id, by who signed them. */
  async function signersOf(id: CommitId): Promise<string[]> {
    const records = (await recordsAt(world.hub, world.space)).map(decoded);
    return records.filter(({ header }) => header.id === id).map(({ header }) => header.signer);
  }

  /** What a sends and nobody acknowledges: with `isKept` the hub took it all the same. */
  async function sendUnanswered(isKept: boolean): Promise<LogRecord> {
    const sent: LogRecord[] = [];
    const deaf: Remote = {
      ...world.hub,
      append: async (space, expected, segment) => {
        sent.push(...segment.records);
        if (isKept) await world.hub.append(space, expected, segment);
        throw new RemoteError('unreachable', 'the answer was lost');
      },
    };
    await expect(push(world.a.replica, deaf)).rejects.toThrow('the answer was lost');
    return sent[0] as LogRecord;
  }

  it('another’s commit under the id of a draft: both land, each once', async () => {
    await world.a.write('mine.md', 'mine\n');
    const id = draftId();
    await forger.plant(await forger.commit([forger.emptyPut('theirs.md')], { by: by(), header: { id } }));
    await expectInSync(world);
    expect(await signersOf(id)).toEqual([world.b.replica.machine, world.a.replica.machine]);
    expect(world.b.files.get('mine.md')).toBe('mine\n');
    expect(world.a.files.get('theirs.md')).toBe('');
    expect([...(await voidsOf(world.a)).values()]).toEqual([]);
  });

  it('a commit signed with a machine’s own key under the id of its draft: the draft lands all the same', async () => {
    await world.a.write('mine.md', 'mine\n');
    const id = draftId();
    const { key } = world.a.replica.deps.machine;
    await forger.plant(await forger.commit([forger.emptyPut('theirs.md')], { by: key, header: { id } }));
    await pull(world.a.replica, world.hub);
    expect(world.a.replica.drafts).toHaveLength(1);
    await expectInSync(world);
    expect(world.b.files.get('mine.md')).toBe('mine\n');
    expect(world.a.files.get('theirs.md')).toBe('');
    expect([...(await voidsOf(world.a)).values()]).toEqual([]);
  });

  it('another’s commit under the id of one that is lost on its way acknowledges nothing', async () => {
    await world.a.write('mine.md', 'mine\n');
    const { header } = await sendUnanswered(false);
    await forger.plant(await forger.commit([forger.emptyPut('theirs.md')], { by: by(), header: { id: header.id } }));
    await pull(world.a.replica, world.hub);
    expect(draftId()).toBe(header.id);
    await expectInSync(world);
    expect(world.b.files.get('mine.md')).toBe('mine\n');
    expect(await historyOf(world.b, 'mine.md')).toHaveLength(1);
  });

  it('another’s commit under the id of one whose acknowledgement is lost: it stands once', async () => {
    await world.a.write('mine.md', 'mine\n');
    const { header } = await sendUnanswered(true);
    await forger.plant(await forger.commit([forger.emptyPut('theirs.md')], { by: by(), header: { id: header.id } }));
    await expectInSync(world);
    expect(await signersOf(header.id)).toEqual([world.a.replica.machine, world.b.replica.machine]);
    expect(await historyOf(world.b, 'mine.md')).toHaveLength(1);
  });

  it('the author’s own commit twice is void, also behind another’s of that id', async () => {
    const first = await forger.plant(await forger.commit([forger.emptyPut('x.md')], { by: by() }));
    const { id } = first.header;
    const owner = world.a.replica.deps.machine.key;
    const namesake = await forger.plant(await forger.commit([forger.emptyPut('y.md')], { by: owner, header: { id } }));
    const again = await forger.plant(await forger.commit([forger.emptyPut('z.md')], { by: by(), header: { id } }));
    await pull(world.a.replica, world.hub);
    expect(await voidsOf(world.a)).toEqual(new Map([[again.header.position, 'its id is in the log already']]));
    expect(namesake.header.position).toBeLessThan(again.header.position);
  });

  it('a machine that begins with a checkpoint judges namesakes like all others', async () => {
    const first = await forger.plant(await forger.commit([forger.emptyPut('x.md')], { by: by() }));
    const { id } = first.header;
    const late = await world.machine('late', 'writer');
    await world.a.sync(world.hub);
    expect(await writeCheckpoint(world.a.replica, world.hub)).toBe(true);
    const owner = world.a.replica.deps.machine.key;
    await forger.plant(await forger.commit([forger.emptyPut('y.md')], { by: owner, header: { id } }));
    const again = await forger.plant(await forger.commit([forger.emptyPut('z.md')], { by: by(), header: { id } }));
    const replica = Replica.create(late, world.space);
    expect(await beginWithCheckpoint(replica, world.hub)).toBe(true);
    await pull(replica, world.hub);
    await pull(world.a.replica, world.hub);
    const home = new Home(replica);
    expect((await snapshotOf(home)).items).toEqual((await snapshotOf(world.a)).items);
    expect(await voidsOf(home)).toEqual(new Map([[again.header.position, 'its id is in the log already']]));
  });

  describe('carried by another', () => {
    it('without what it changes: the author lands it all the same', async () => {
      await world.a.write('mine.md', 'mine\n');
      const record = await sendUnanswered(false);
      await forger.plant(await forger.commit([], { by: by() }, [encodeRecord(record)]));
      await pull(world.a.replica, world.hub);
      expect(world.a.replica.drafts).toHaveLength(1);
      await expectInSync(world);
      expect(world.b.files.get('mine.md')).toBe('mine\n');
      expect([...(await voidsOf(world.a)).values()]).toEqual([]);
    });

    it('without the deletion: the author lands it all the same', async () => {
      world.a.files.delete('one.md');
      await world.a.capture();
      const record = await sendUnanswered(false);
      await forger.plant(await forger.commit([], { by: by() }, [encodeRecord(record)]));
      await expectInSync(world);
      expect(world.b.files.has('one.md')).toBe(false);
    });

    it('with other changes to the same item: the author’s body is not lost', async () => {
      await world.a.write('mine.md', 'mine\n');
      const record = await sendUnanswered(false);
      await forger.plant(await forger.commit([forger.emptyPut('mine.md')], { by: by() }, [encodeRecord(record)]));
      await expectInSync(world);
      const held = [...(await historyOf(world.b, 'mine.md'))].map((entry) => entry.content?.size);
      expect(held).toContain(5);
    });

    it('whole: the author’s draft is done, also in a process that starts anew', async () => {
      await world.a.write('mine.md', '');
      const record = await sendUnanswered(false);
      await forger.plant(await forger.commit([forger.emptyPut('mine.md')], { by: by() }, [encodeRecord(record)]));
      await pull(world.a.replica, world.hub);
      expect(world.a.replica.drafts).toEqual([]);
      expect((await Replica.open(world.a.replica.deps, world.space)).drafts).toEqual([]);
      expect(await historyOf(world.a, 'mine.md')).toHaveLength(1);
    });
  });

  describe('after a move of the home remote', () => {
    let hub: Remote;
    let author: Home;
    let lost: Uint8Array;
    let forge: Forger;
    let hostile: SigningKey;

    /** The hub came back from a backup taken before c wrote `c.md`; only b saw c's record. The owner revived the hub. */
    beforeEach(async () => {
      hostile = (await world.machine('hostile', 'writer')).machine.key;
      author = new Home(await followSpace(await world.machine('c', 'writer'), world.space, world.hub));
      for (const home of [world.a, world.b]) await home.sync(world.hub);
      const kept = (await recordsAt(world.hub, world.space)).map(decoded);
      await author.write('c.md', 'by c\n');
      await author.sync(world.hub);
      lost = (await recordsAt(world.hub, world.space)).at(-1) as Uint8Array;
      await world.b.sync(world.hub);
      hub = await createHub();
      let head = EMPTY_HEAD;
      for (const record of kept) {
        const objects = await world.hub.getObjects(world.space, record.header.objects);
        await hub.append(world.space, head, { records: [record], objects: [...objects].map(([id, bytes]) => ({ id, bytes })) });
        head = headAfter(record);
      }
      await reviveHome(world.a.replica, hub, 'back');
      forge = new Forger(world.a.replica, hub);
    });

    it('a commit of an absent author that another carries without its changes is landed by whoever saw it', async () => {
      await forge.plant(await forge.commit([], { by: hostile }, [lost]));
      for (const home of [world.b, world.a]) expect((await home.sync(hub)).divergence).toBeNull();
      expect(world.a.files.get('c.md')).toBe('by c\n');
      expect(world.b.replica.drafts).toEqual([]);
      for (const home of [author, world.a]) expect((await home.sync(hub)).divergence).toBeNull();
      expect(await historyOf(world.a, 'c.md')).toHaveLength(1);
    });

    it('the author itself lands what another carried without its changes', async () => {
      await forge.plant(await forge.commit([], { by: hostile }, [lost]));
      for (const home of [author, world.a]) expect((await home.sync(hub)).divergence).toBeNull();
      expect(world.a.files.get('c.md')).toBe('by c\n');
    });

    it('a commit under the id of an absent author’s is not that commit', async () => {
      const { id } = decoded(lost).header;
      await forge.plant(await forge.commit([forge.emptyPut('claimed.md')], { by: hostile, header: { id } }));
      for (const home of [world.b, author, world.a]) expect((await home.sync(hub)).divergence).toBeNull();
      expect(world.a.files.get('c.md')).toBe('by c\n');
      expect(Object.fromEntries(author.files)).toEqual(Object.fromEntries(world.a.files));
      expect(await historyOf(world.a, 'c.md')).toHaveLength(1);
    });

    it('an edit on top of what is being landed again survives that another carried it first', async () => {
      const { b } = world;
      expect(await followMove(b.replica, hub, { type: 'forked', remote: EMPTY_HEAD, local: EMPTY_HEAD })).toBe(true);
      await pull(b.replica, hub);
      await landAgain(b.replica);
      expect(b.replica.drafts).toHaveLength(1);
      await b.apply();
      await b.write('c.md', 'by c, and b\n');
      await forge.plant(await forge.commit([forge.emptyPut('c.md')], { by: hostile }, [lost]));
      for (const home of [b, world.a]) expect((await home.sync(hub)).divergence).toBeNull();
      expect(b.replica.drafts).toEqual([]);
      const held = (await historyOf(world.a, 'c.md')).map((entry) => entry.content?.size);
      expect(held).toEqual(expect.arrayContaining([5, 12]));
    });

    it('what was landed again meanwhile is done: nothing of it lands twice', async () => {
      expect((await world.b.sync(hub)).divergence).toBeNull();
      for (const home of [author, world.a, world.b]) expect((await home.sync(hub)).divergence).toBeNull();
      expect(await historyOf(world.a, 'c.md')).toHaveLength(1);
      expect(author.replica.drafts).toEqual([]);
    });
  });
});
