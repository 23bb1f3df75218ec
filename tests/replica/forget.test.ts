import { beforeEach, describe, expect, it } from 'vitest';
import { openObject } from '../../src/core/crypto/object-cipher.ts';
import { sha256 } from '../../src/core/crypto/hash.ts';
import type { Item } from '../../src/core/item.ts';
import { prune } from '../../src/core/replica/prune.ts';
import { NotAllowed } from '../../src/core/replica/administer.ts';
import { forget, planForget } from '../../src/core/replica/forget.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, type SmallMachine, type SmallSpace } from './small-space.ts';

const SECRET: Item = { kind: 'text', name: 'secret.md' };
const KEPT: Item = { kind: 'text', name: 'kept.md' };
const NOTE = { message: '', writer: 'test' };
const body = (item: Item, text: string) => ({ type: 'body' as const, item, attributes: {}, body: Buffer.from(text), local: null });
const large = (seed: string): string => Array.from({ length: 3_000 }, (_, i) => `${seed} ${i}`).join('\n');

describe('forget', () => {
  let space: SmallSpace;
  let owner: SmallMachine;
  let other: SmallMachine;
  const sync = async (machine: SmallMachine): Promise<void> => {
    expect((await syncWith(machine.replica, space.hub)).divergence).toBeNull();
    // As a source does, which writes what it shows.
    await machine.workspace.prefetch((await machine.workspace.outstanding()).flatMap(({ content }) => content ?? []));
    await machine.apply();
  };
  /** Every plaintext that a machine holds, or that it can open of what the hub holds. */
  const plaintexts = async (machine: SmallMachine, of = machine.deps.objects): Promise<string> => {
    const texts: string[] = [];
    for await (const { id } of of.list(machine.replica.space)) {
      const bytes = (await of.get(machine.replica.space, [id])).get(id) as Uint8Array;
      const opened = await openObject({ id, bytes }, machine.replica.space, machine.replica.keys, machine.deps.compression);
      texts.push(opened.ok ? Buffer.from(opened.value).toString() : '');
    }
    return texts.join('\n');
  };
  const forgetSecret = () => forget(owner.replica, space.hub, { items: [SECRET], reason: 'a test' });

  beforeEach(async () => {
    space = await createSmallSpace('forget');
    owner = space.owner;
    other = await space.machine('other');
    await space.invite(other);
    await sync(other);
    await owner.workspace.capture([body(SECRET, 'hunter2'), body(KEPT, 'a kept body')], NOTE);
    await sync(owner);
    await owner.write(SECRET, large('hunter3'));
    await sync(owner);
    await sync(other);
  });

  it('erases bodies everywhere and leaves the others that shared a bundle with them', async () => {
    await owner.remove(SECRET);
    await sync(owner);
    expect(await forgetSecret()).not.toBeNull();
    await sync(other);
    for (const machine of [owner, other]) {
      await machine.restart();
      expect(await plaintexts(machine)).not.toMatch(/hunter/);
      expect(await machine.read(KEPT)).toBe('a kept body');
      expect(await machine.read(SECRET)).toBeNull();
      await expect(machine.history(SECRET)).rejects.toMatchObject({ reason: 'erased' });
    }
    const late = await space.machine('late');
    await space.invite(late);
    await sync(late);
    expect(await late.history(KEPT)).toEqual(['a kept body']);
    await expect(late.history(SECRET)).rejects.toMatchObject({ reason: 'erased' });
  });

  it('leaves nothing that the hub could hand out', async () => {
    const named = async () => {
      const { records } = await space.hub.read(owner.replica.space, 0, { records: 1_000, bytes: 8_000_000 });
      expect(records.length).toBeGreaterThan(3);
      const entries = await owner.deps.store.read((tx) => tx.items.history(owner.replica.space, SECRET, { limit: 100 }));
      return [...new Set(entries.flatMap((entry) => entry.content?.pieces ?? []).map((piece) => piece.object))];
    };
    const before = await named();
    expect((await space.hub.hasObjects(owner.replica.space, before)).size).toBe(before.length);
    await owner.remove(SECRET);
    await sync(owner);
    await forgetSecret();
    expect(await space.hub.hasObjects(owner.replica.space, before)).toEqual(new Set());
  });

  it('does nothing more when it is repeated', async () => {
    await owner.remove(SECRET);
    await sync(owner);
    await forgetSecret();
    expect(await forgetSecret()).toBeNull();
  });

  it('refuses what is still current', async () => {
    expect((await planForget(owner.replica, { items: [SECRET], reason: '' })).current).toEqual([SECRET]);
    await expect(forgetSecret()).rejects.toThrow(NotAllowed);
    expect(await other.read(SECRET)).toBe(large('hunter3'));
  });

  it('names who else holds the very same bytes', async () => {
    await owner.write(KEPT, large('hunter3'));
    await sync(owner);
    await owner.remove(SECRET);
    await sync(owner);
    expect((await planForget(owner.replica, { items: [SECRET], reason: '' })).sharedWith).toEqual([KEPT]);
    await expect(forgetSecret()).rejects.toThrow(/kept\.md/);
    expect(await owner.read(KEPT)).toBe(large('hunter3'));
  });

  it('erases one old body of an item that lives on', async () => {
    await owner.write(SECRET, 'harmless');
    await sync(owner);
    const [, middle] = await owner.deps.store.read((tx) => tx.items.history(owner.replica.space, SECRET, { limit: 10 }));
    const digest = middle?.content?.digest;
    if (digest === undefined) throw new Error('no such body');
    await forget(owner.replica, space.hub, { items: [SECRET], digest, reason: '' });
    await sync(other);
    expect(await other.read(SECRET)).toBe('harmless');
    expect(await plaintexts(other)).not.toMatch(/hunter3/);
    expect(await owner.history(SECRET).catch((error: { reason: string }) => error.reason)).toBe('erased');
    expect(await plaintexts(owner)).toMatch(/hunter2/);
  });

  it('takes a file whole that grew while what it held was forgotten', async () => {
    await owner.remove(SECRET);
    await sync(owner);
    await forgetSecret();
    // The other's file still shows what was forgotten, and its user goes on writing.
    await syncWith(other.replica, space.hub);
    await other.workspace.applied(
      [...(await other.workspace.views()).values()].map(({ item, shown }) => ({ item, content: shown, local: 'note' })),
    );
    const grown = `${large('hunter3')}\nmore`;
    const tail = { type: 'tail' as const, item: SECRET, attributes: {}, baseSize: large('hunter3').length, tail: Buffer.from('\nmore') };
    const { refused } = await other.workspace.capture([{ ...tail, sha256: sha256(Buffer.from(grown)), local: 'new note' }], NOTE);
    expect(refused).toMatchObject([{ item: SECRET, again: true }]);
    const view = [...(await other.workspace.views()).values()].find(({ item }) => item.name === SECRET.name);
    expect(view).toMatchObject({ local: null, shown: { size: large('hunter3').length } });
    expect(other.replica.drafts).toEqual([]);

    await other.write(SECRET, grown);
    await sync(other);
    expect(other.replica.drafts).toEqual([]);
    await sync(owner);
    expect(await owner.read(SECRET)).toBe(grown);
  });

  it('sends what was drafted of a body before it was forgotten, and holds nothing of the body from then on', async () => {
    await owner.write(SECRET, 'hunter4');
    await sync(owner);
    await sync(other);
    await other.append(SECRET, ' and more');
    await owner.remove(SECRET);
    await sync(owner);
    await forgetSecret();
    await sync(other);
    expect(other.replica.drafts).toEqual([]);
    expect(await other.read(SECRET)).toBe('hunter4 and more');
    await sync(owner);
    expect(await owner.read(SECRET)).toBe('hunter4 and more');
    // What came back with the draft can be forgotten like anything else.
    await other.remove(SECRET);
    await sync(other);
    await sync(owner);
    await forgetSecret();
    await sync(other);
    expect(await plaintexts(other)).not.toMatch(/hunter/);
  });

  it('forgets a body of which a part was pruned before', async () => {
    await owner.write(SECRET, 'harmless');
    await owner.write(KEPT, 'another kept body');
    await sync(owner);
    await sync(other);
    await prune(owner.replica, space.hub, { olderThan: 0, keep: 1 });
    await owner.remove(SECRET);
    await sync(owner);
    expect(await forgetSecret()).not.toBeNull();
    await sync(other);
    expect(await plaintexts(owner)).not.toMatch(/hunter|harmless/);
    expect(await plaintexts(other)).not.toMatch(/hunter|harmless/);
    expect(await other.read(KEPT)).toBe('another kept body');
  });

  it('sends what was drafted of a body that was cut out of its object after another was', async () => {
    const third: Item = { kind: 'text', name: 'third.md' };
    await owner.workspace.capture([body(SECRET, 'hunter4'), body(third, 'hunter5'), body(KEPT, 'kept again')], NOTE);
    await sync(owner);
    await sync(other);
    await owner.remove(SECRET);
    await sync(owner);
    await forgetSecret();
    await sync(other);
    await other.append(third, ' and more');
    await owner.remove(third);
    await sync(owner);
    await forget(owner.replica, space.hub, { items: [third], reason: '' });
    await sync(other);
    expect(other.replica.drafts).toEqual([]);
    await sync(owner);
    expect(await owner.read(third)).toBe('hunter5 and more');
    expect(await owner.read(KEPT)).toBe('kept again');
  });

  /** The bundle of both is cut, and what was cut of it is let go: a later body, or the same once more, is current. */
  const cutAndPrune = async (last: string, hub = space.hub): Promise<void> => {
    await owner.remove(SECRET);
    await sync(owner);
    expect(await forgetSecret()).not.toBeNull();
    for (const text of ['another', last]) {
      await owner.write(KEPT, text);
      await sync(owner);
    }
    expect((await prune(owner.replica, hub, { olderThan: 0, keep: 1 })).objects.length).toBeGreaterThan(0);
  };
  const readShown = async ({ workspace }: SmallMachine): Promise<string> => {
    const shown = [...(await workspace.views()).values()].find(({ item }) => item.name === KEPT.name)?.shown ?? null;
    return shown === null ? '' : Buffer.from(await workspace.read(KEPT, shown)).toString();
  };

  it('leaves readable what a machine shows that hears of a cut only when the rest was pruned, where it is current elsewhere', async () => {
    await cutAndPrune('a kept body');
    await sync(other);
    await other.restart();
    expect(await readShown(other)).toBe('a kept body');
    expect(await plaintexts(other)).not.toMatch(/hunter/);
  });

  it('saves what stands for a cut bundle that a machine shows before it is pruned, while the home has it', async () => {
    for await (const { id } of other.deps.objects.list(other.replica.space)) await other.deps.objects.delete(other.replica.space, [id]);
    await other.restart();
    await cutAndPrune('the last', { ...space.hub, deleteObjects: async () => undefined });
    expect((await syncWith(other.replica, space.hub)).divergence).toBeNull();
    expect(await readShown(other)).toBe('a kept body');
  });
});
