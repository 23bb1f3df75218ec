import { beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import type { ObjectId } from '../../src/core/ids.ts';
import type { Item } from '../../src/core/item.ts';
import { DamagedObject, type ObjectStore } from '../../src/core/ports/objects.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import { bringAgain } from '../../src/core/replica/bring-again.ts';
import { forget } from '../../src/core/replica/forget.ts';
import { moveHome, reviveHome } from '../../src/core/replica/move-home.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, openHub, type SmallMachine, type SmallSpace } from './small-space.ts';

const [ONE, TWO]: [Item, Item] = [
  { kind: 'text', name: 'one.md' },
  { kind: 'text', name: 'two.md' },
];
const large = (seed: string): string => Array.from({ length: 3_000 }, (_, i) => `${seed} ${i}`).join('\n');

describe('what a remote lost', () => {
  let space: SmallSpace;
  let owner: SmallMachine;
  let hub: Remote & { readonly objects: ObjectStore };
  const objectsOf = async (item: Item): Promise<ObjectId[]> => {
    const state = (await owner.replica.visible([item])).values().next().value;
    return (state?.content?.pieces ?? []).map((piece) => piece.object);
  };

  /** Until good bytes take their place, these cannot be read at the remote. */
  function rot(ids: readonly ObjectId[]): void {
    const { objects } = hub;
    const [get, put] = [objects.get.bind(objects), objects.put.bind(objects)];
    const rotten = new Set(ids);
    objects.get = async (of, asked) => {
      const bad = asked.find((id) => rotten.has(id));
      if (bad !== undefined) throw new DamagedObject(of, bad, 'a pack');
      return get(of, asked);
    };
    objects.put = async (of, given) => {
      for (const { id } of given) rotten.delete(id);
      await put(of, given);
    };
  }

  beforeEach(async () => {
    space = await createSmallSpace('bring-again');
    owner = space.owner;
    hub = space.hub as typeof hub;
    for (const item of [ONE, TWO]) await owner.write(item, large(item.name));
    await syncWith(owner.replica, hub);
  });

  it('is wanted as soon as somebody asked for it, brought again by who has it, and read', async () => {
    const [missing, damaged] = [await objectsOf(ONE), await objectsOf(TWO)];
    await hub.objects.delete(owner.replica.space, missing);
    rot(damaged);
    const late = await space.machine('late');
    await space.invite(late);
    await syncWith(late.replica, hub);
    await expect(late.read(ONE)).rejects.toMatchObject({ name: 'BodyUnavailable', reason: 'withheld' });
    await expect(late.read(TWO)).rejects.toMatchObject({ name: 'BodyUnavailable', reason: 'withheld' });
    const wanted = await hub.wantedObjects?.(owner.replica.space, null);
    expect(wanted).toEqual([...missing, ...damaged].toSorted());
    expect((await hub.hasObjects(owner.replica.space, wanted ?? [])).size).toBe(0);
    expect(await bringAgain(late.replica, hub)).toBe(0);
    expect(await bringAgain(owner.replica, hub)).toBe(missing.length + damaged.length);
    expect(await hub.wantedObjects?.(owner.replica.space, null)).toEqual([]);
    expect(await late.read(ONE)).toBe(large('one.md'));
    expect(await late.read(TWO)).toBe(large('two.md'));
    expect(await bringAgain(owner.replica, hub)).toBe(0);
  });

  it('does not take along what one that asks for many has good', async () => {
    rot(await objectsOf(TWO));
    const found = await hub.getObjects(owner.replica.space, [...(await objectsOf(TWO)), ...(await objectsOf(ONE))]);
    expect([...found.keys()].toSorted()).toEqual((await objectsOf(ONE)).toSorted());
  });

  it('is not wanted where no record names it, or one dropped it', async () => {
    const dropped = await objectsOf(ONE);
    await owner.remove(ONE);
    await syncWith(owner.replica, hub);
    await forget(owner.replica, hub, { items: [ONE], reason: 'a test' });
    expect((await hub.hasObjects(owner.replica.space, dropped)).size).toBe(0);
    await hub.getObjects(owner.replica.space, [...dropped, sha256Hex('nobody named it') as ObjectId]);
    expect(await hub.wantedObjects?.(owner.replica.space, null)).toEqual([]);
  });

  it('is passed over by who has it damaged too', async () => {
    const ids = await objectsOf(ONE);
    await hub.objects.delete(owner.replica.space, ids);
    await hub.getObjects(owner.replica.space, ids);
    const { objects } = owner.deps;
    const get = objects.get.bind(objects);
    objects.get = async (of, asked) => {
      const bad = asked.find((id) => id === ids[0]);
      if (bad !== undefined) throw new DamagedObject(of, bad, 'a pack');
      return get(of, asked);
    };
    expect(await bringAgain(owner.replica, hub)).toBe(ids.length - 1);
    expect(await hub.wantedObjects?.(owner.replica.space, null)).toEqual([ids[0]]);
  });
});

describe('a home that lost bodies', () => {
  let space: SmallSpace;
  let owner: SmallMachine;
  let hub: Remote & { readonly objects: ObjectStore };

  /** One body that only the home had, and that is damaged there; one that is damaged here too; one that is here alone. */
  beforeEach(async () => {
    space = await createSmallSpace('lost-bodies');
    owner = space.owner;
    hub = space.hub as typeof hub;
    const other = await space.machine('other');
    await space.invite(other);
    await syncWith(other.replica, hub);
    await other.write(ONE, large('of another'));
    await syncWith(other.replica, hub);
    await syncWith(owner.replica, hub);
    await owner.write(TWO, large('of mine'));
    await syncWith(owner.replica, hub);
    const ids: ObjectId[] = [];
    for await (const { id } of hub.objects.list(owner.replica.space)) ids.push(id);
    await hub.objects.delete(owner.replica.space, ids);
  });

  it('is not left before somebody brought them, and what is missing is named', async () => {
    const target = await openHub();
    const moved = moveHome(owner.replica, hub, target, 'elsewhere');
    await expect(moved).rejects.toMatchObject({ name: 'RemoteError', message: expect.stringContaining(', of one.md') as string });
    expect((await hub.head(owner.replica.space))?.term).toBe(0);
  });

  it('is left for lost with all that this machine has, asked or not', async () => {
    const target = await openHub();
    hub.getObjects = () => Promise.reject(new RemoteError('protocol', 'object x is damaged'));
    await reviveHome(owner.replica, target, 'elsewhere');
    owner.replica.setRemote(target);
    await syncWith(owner.replica, target);
    const late = await space.machine('late');
    late.replica.setRemote(target);
    await addMember(owner.replica, target, {
      machine: late.deps.machine.key.machine,
      recipient: late.deps.machine.recipient,
      role: 'writer',
      account: null,
      name: 'late',
    });
    await syncWith(late.replica, target);
    expect(await late.read(TWO)).toBe(large('of mine'));
    expect((await owner.deps.store.read((tx) => tx.logs.fallen(owner.replica.space))).length).toBeGreaterThan(0);
  });

  it('is left whole, without what nobody here has, by an owner who came behind that', async () => {
    const [heir, target] = [await space.machine('heir'), await openHub()];
    await addMember(owner.replica, hub, {
      machine: heir.deps.machine.key.machine,
      recipient: heir.deps.machine.recipient,
      role: 'owner',
      account: null,
      name: 'heir',
    });
    await syncWith(heir.replica, hub);
    await heir.write({ kind: 'text', name: 'three.md' }, 'by the heir');
    await syncWith(heir.replica, hub);
    const before = await heir.replica.head();
    hub.getObjects = () => Promise.reject(new RemoteError('unreachable', 'gone'));
    await reviveHome(heir.replica, target, 'elsewhere');
    expect((await target.head(owner.replica.space))?.position).toBe((before?.position ?? 0) + 1);
    expect(heir.replica.membership.members.has(owner.replica.machine)).toBe(true);
    heir.replica.setRemote(target);
    expect(await heir.read({ kind: 'text', name: 'three.md' })).toBe('by the heir');
    await expect(heir.read(TWO)).rejects.toMatchObject({ name: 'BodyUnavailable', reason: 'withheld' });
    expect(await bringAgain(owner.replica, target)).toBeGreaterThan(0);
    expect(await heir.read(TWO)).toBe(large('of mine'));
  });
});
