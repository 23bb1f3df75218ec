import { beforeEach, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import type { CommitId, ObjectId } from '../../src/core/ids.ts';
import { encodeControl, type ControlPayload } from '../../src/core/log/control.ts';
import { decodeRecord, EMPTY_HEAD, sealRecord, type Head, type LogRecord } from '../../src/core/log/record.ts';
import { forget } from '../../src/core/replica/forget.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { addMember, changeRole, revoke } from '../../src/core/replica/administer.ts';
import { moveHome, reviveHome } from '../../src/core/replica/move-home.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { createSmallSpace, openHub, SmallMachine, type SmallSpace } from './small-space.ts';

const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };

let space: SmallSpace;
let other: SmallMachine;

beforeEach(async () => {
  space = await createSmallSpace('moved');
  other = await space.machine('other');
  await space.invite(other);
});

/** A hub as it comes back from a backup: the first records, and nothing else. */
async function restored(hub: Remote, records: number): Promise<Remote> {
  const copy = await openHub();
  const id = space.owner.replica.space;
  const page = await hub.read(id, 0, { records, bytes: 1_000_000 });
  for (const bytes of page.records) {
    const record = decodeRecord(bytes);
    if (!record.ok) throw new Error(record.error);
    await copy.append(id, (await copy.head(id)) ?? EMPTY_HEAD, { records: [record.value], objects: [] });
  }
  return copy;
}

it.each(['as a member', 'for the first time'])('sends nothing to the old home that a machine reads of the move from, %s', async (when) => {
  if (when === 'as a member') {
    await pull(other.replica, space.hub);
    await other.write(FILE, 'drafted\n');
  }
  const target = await openHub();
  await moveHome(space.owner.replica, space.hub, target, 'elsewhere');
  const head = await space.hub.head(space.owner.replica.space);
  expect(await syncWith(other.replica, space.hub)).toMatchObject({ pushed: 0, moved: true, divergence: null });
  expect(await space.hub.head(space.owner.replica.space)).toEqual(head);

  if (when !== 'as a member') await other.write(FILE, 'drafted\n');
  expect(await syncWith(other.replica, target)).toMatchObject({ pushed: 1, moved: false, divergence: null });
  await pull(space.owner.replica, target);
  space.owner.replica.setRemote(target);
  expect(await space.owner.read(FILE)).toBe('drafted\n');
});

it('brings a restored home back although only the author holds the bodies that were lost with it', async () => {
  const before = (await space.hub.head(space.owner.replica.space))?.position ?? 0;
  await pull(other.replica, space.hub);
  for (const body of ['one\n', 'two\n']) {
    await other.write(FILE, body);
    await syncWith(other.replica, space.hub);
  }
  await pull(space.owner.replica, space.hub);
  const hub = await restored(space.hub, before + 1);
  // The author cannot explain the roll-back, and the owner does not hold the bodies.
  for (const machine of [space.owner, other]) machine.replica.setRemote(hub);
  await reviveHome(space.owner.replica, hub, 'the same');
  for (const machine of [other, other, space.owner]) expect((await syncWith(machine.replica, hub)).divergence).toBeNull();
  for (const machine of [space.owner, other]) {
    expect(await machine.read(FILE)).toBe('two\n');
    expect(await machine.history(FILE)).toEqual(['one\n', 'two\n']);
  }
});

it('finishes an interrupted move with bodies from the old home', async () => {
  await pull(other.replica, space.hub);
  const target = await openHub();
  // The log is copied, and the present home goes on before it is told of the move; then the way to the target breaks.
  // (The genesis goes ahead by itself.)
  let appends = 0;
  const breaking: Remote = {
    ...target,
    async append(...args) {
      if ((appends += 1) > 2) throw new Error('the way is cut');
      return target.append(...args);
    },
  };
  const going: Remote = {
    ...space.hub,
    async append(...args) {
      if (other.replica.drafts.length === 0) {
        await other.write(FILE, 'a body that the owner does not hold\n');
        await syncWith(other.replica, space.hub);
      }
      return space.hub.append(...args);
    },
  };
  await expect(moveHome(space.owner.replica, going, breaking, 'elsewhere')).rejects.toThrow('the way is cut');
  space.owner.replica.setRemote(target);
  await moveHome(space.owner.replica, space.hub, target, 'elsewhere');
  expect(await target.head(space.owner.replica.space)).toEqual(await space.hub.head(space.owner.replica.space));
  expect(await space.owner.read(FILE)).toBe('a body that the owner does not hold\n');
});

it('finishes a move behind which others went on already', async () => {
  await pull(other.replica, space.hub);
  const target = await openHub();
  await moveHome(space.owner.replica, space.hub, target, 'elsewhere');
  await pull(other.replica, space.hub);
  await other.write(FILE, 'at the new home\n');
  expect(await syncWith(other.replica, target)).toMatchObject({ pushed: 1 });
  await moveHome(space.owner.replica, space.hub, target, 'elsewhere');
  expect((await target.head(space.owner.replica.space))?.position).toBe(((await space.owner.replica.head())?.position ?? 0) + 1);
});

it('falls back without a key', async () => {
  const before = (await space.hub.head(space.owner.replica.space))?.position ?? 0;
  const late = await space.machine('late');
  await pull(late.replica, space.hub); // waits for a key
  await space.owner.write(FILE, 'written meanwhile\n');
  await syncWith(space.owner.replica, space.hub);
  await pull(late.replica, space.hub);
  const hub = await restored(space.hub, before + 1);
  for (const machine of [space.owner, late]) machine.replica.setRemote(hub);
  await reviveHome(space.owner.replica, hub, 'the same');
  expect((await syncWith(late.replica, hub)).divergence).toBeNull();
  await addMember(space.owner.replica, hub, {
    machine: late.replica.machine,
    recipient: late.deps.machine.recipient,
    role: 'writer',
    account: null,
    name: 'late',
  });
  for (const machine of [space.owner, late]) expect((await syncWith(machine.replica, hub)).divergence).toBeNull();
  expect(await late.read(FILE)).toBe('written meanwhile\n');
});

it('finishes a move whose answer got lost, though others have gone on at the target since', async () => {
  const { owner, hub } = space;
  await pull(other.replica, hub);
  const target = await openHub();
  const deaf: Remote = {
    ...hub,
    async append(...args) {
      await hub.append(...args);
      throw new Error('the answer got lost');
    },
  };
  await expect(moveHome(owner.replica, deaf, target, 'elsewhere')).rejects.toThrow('the answer got lost');
  expect(await syncWith(other.replica, hub)).toMatchObject({ moved: true });
  await syncWith(other.replica, target);
  await other.write(FILE, 'at the target\n');
  expect(await syncWith(other.replica, target)).toMatchObject({ pushed: 1, divergence: null });

  await moveHome(owner.replica, hub, target, 'elsewhere');
  owner.replica.setRemote(target);
  expect(await syncWith(owner.replica, target)).toMatchObject({ divergence: null });
  expect(await owner.read(FILE)).toBe('at the target\n');
});

it('lands again what it took over from another only when the other has brought its body again', async () => {
  const { owner, hub } = space;
  await pull(other.replica, hub);
  const before = (await hub.head(owner.replica.space))?.position ?? 0;
  await other.write(FILE, 'by the other\n');
  await syncWith(other.replica, hub);
  await pull(owner.replica, hub);
  const taken: Item = { kind: 'text', name: 'taken.md' };
  await owner.replica.exclusive(async () => {
    const content = (await owner.replica.visible([FILE])).values().next().value?.content ?? null;
    const note = { message: '', writer: 'test' };
    await owner.replica.draft([{ item: taken, base: null, ours: content, history: [] }], note, owner.replica.newCommitId());
  });
  await owner.write({ kind: 'text', name: 'own.md' }, 'own\n');
  await syncWith(owner.replica, hub);
  const old = await restored(hub, before + 1);
  for (const machine of [owner, other]) machine.replica.setRemote(old);
  await reviveHome(owner.replica, old, 'the same');
  expect(await syncWith(owner.replica, old)).toMatchObject({ divergence: null });
  expect(await owner.read(taken)).toBeNull();
  expect(await owner.read({ kind: 'text', name: 'own.md' })).toBe('own\n');
  expect(owner.replica.drafts).toEqual([]);
  for (const machine of [other, other, owner]) expect(await syncWith(machine.replica, old)).toMatchObject({ divergence: null });
  expect(await owner.read(taken)).toBe('by the other\n');
});

it('lands again what shared an object with a forgotten body, although the record of that fell', async () => {
  const { owner, hub } = space;
  await pull(other.replica, hub);
  const before = (await hub.head(owner.replica.space))?.position ?? 0;
  const kept: Item = { kind: 'text', name: 'kept.md' };
  const body = (item: Item, text: string) => ({ type: 'body' as const, item, attributes: {}, body: Buffer.from(text), local: null });
  await other.workspace.capture([body(FILE, 'hunter2'), body(kept, 'kept\n')], { message: '', writer: 'test' });
  await syncWith(other.replica, hub);
  await pull(owner.replica, hub);
  await owner.apply();
  await owner.remove(FILE);
  await syncWith(owner.replica, hub);
  await forget(owner.replica, hub, { items: [FILE], reason: '' });
  await syncWith(other.replica, hub);

  const old = await restored(hub, before + 1);
  for (const machine of [owner, other]) {
    await machine.restart();
    machine.replica.setRemote(old);
  }
  await owner.replica.fallBack(before);
  await owner.deps.store.write(async (tx) => {
    for (const { id } of await tx.documents.list(`relands/${owner.replica.space}`))
      await tx.documents.remove(`relands/${owner.replica.space}`, id);
  });
  await reviveHome(owner.replica, old, 'the same');
  for (const machine of [other, other, owner]) expect(await syncWith(machine.replica, old)).toMatchObject({ divergence: null });
  expect(other.replica.drafts).toEqual([]);
  expect(await owner.read(kept)).toBe('kept\n');
  // What was shown lay in the object that was cut, and what stood for it fell with the record.
  const shown = [...(await owner.workspace.views()).values()].find((view) => view.item.name === kept.name)?.shown ?? null;
  expect(shown === null ? null : Buffer.from(await owner.workspace.read(kept, shown)).toString()).toBe('kept\n');
  expect(await other.deps.store.read((tx) => tx.documents.list(`relands/${owner.replica.space}`))).toEqual([]);
});

it('asks a home that comes back from a backup once more to delete what was pruned and forgotten', async () => {
  const { owner, hub } = space;
  await owner.write(FILE, 'hunter2');
  await syncWith(owner.replica, hub);
  const before = await hub.getObjects(owner.replica.space, await namedObjects(owner));
  expect(before.size).toBe(1);
  await owner.remove(FILE);
  await syncWith(owner.replica, hub);
  await forget(owner.replica, hub, { items: [FILE], reason: '' });
  expect((await hub.hasObjects(owner.replica.space, [...before.keys()])).size).toBe(0);

  const old = await openHub();
  await old.append(owner.replica.space, EMPTY_HEAD, { records: [await genesis()], objects: [] });
  await old.putObjects(
    owner.replica.space,
    [...before].map(([id, bytes]) => ({ id, bytes })),
  );
  owner.replica.setRemote(old);
  await reviveHome(owner.replica, old, 'the same');
  expect((await old.head(owner.replica.space))?.position).toBe(owner.replica.position);
  expect((await old.hasObjects(owner.replica.space, [...before.keys()])).size).toBe(0);
});

it('follows the owner back although a member began the same term with a record that is void', async () => {
  const { owner, hub } = space;
  await pull(other.replica, hub);
  const head = (await hub.head(owner.replica.space)) as Head;
  const term = head.term + 1;
  const header = {
    type: 'control' as const,
    space: owner.replica.space,
    id: 'ab'.repeat(16) as CommitId,
    position: head.position + 1,
    objects: [],
  };
  const behind = { previous: head.hash, term, keyId: owner.replica.keyId, previousControl: owner.replica.membership.lastControl };
  const payload: ControlPayload = { op: 'move', term, position: head.position, head: head.hash, sealedRemote: new Uint8Array(0) };
  const record = sealRecord({ ...header, ...behind }, encodeControl(payload), other.deps.machine.key);
  await hub.append(owner.replica.space, head, { records: [record], objects: [] });
  await pull(other.replica, hub);
  const old = await restored(hub, head.position + 1);
  await reviveHome(owner.replica, old, 'the same');
  await syncWith(other.replica, old);
  expect(await syncWith(other.replica, old)).toMatchObject({ divergence: null });
  expect(other.replica.position).toBe(owner.replica.position);
});

it('brings a home back although a body that it took over from a machine now gone fell with a later key', async () => {
  const { owner, hub } = space;
  await pull(other.replica, hub);
  const before = (await hub.head(owner.replica.space))?.position ?? 0;
  await revoke(owner.replica, hub, []);
  await other.write(FILE, 'by the other\n');
  await syncWith(other.replica, hub);
  await pull(owner.replica, hub);
  // It takes that body over without ever having it here.
  const taken: Item = { kind: 'text', name: 'taken.md' };
  await owner.replica.exclusive(async () => {
    const content = (await owner.replica.visible([FILE])).values().next().value?.content ?? null;
    const note = { message: '', writer: 'test' };
    await owner.replica.draft([{ item: taken, base: null, ours: content, history: [] }], note, owner.replica.newCommitId());
  });
  await owner.write({ kind: 'text', name: 'own.md' }, 'own\n');
  await syncWith(owner.replica, hub);
  for await (const { id } of owner.deps.objects.list(owner.replica.space)) {
    const { pieces } = (await owner.replica.visible([FILE])).values().next().value?.content ?? { pieces: [] };
    if (pieces.some((piece) => piece.object === id)) await owner.deps.objects.delete(owner.replica.space, [id]);
  }
  await owner.restart();
  const old = await restored(hub, before + 1);
  owner.replica.setRemote(old);
  await reviveHome(owner.replica, old, 'the same');
  expect((await syncWith(owner.replica, old)).divergence).toBeNull();
  expect(owner.replica.drafts).toEqual([]);
  expect(await owner.read({ kind: 'text', name: 'own.md' })).toBe('own\n');
});

async function namedObjects({ deps, replica }: SmallMachine): Promise<ObjectId[]> {
  const entries = await deps.store.read((tx) => tx.items.history(replica.space, FILE, { limit: 10 }));
  return entries.flatMap(({ content }) => content?.pieces ?? []).map((piece) => piece.object);
}

async function genesis(): Promise<LogRecord> {
  const { records } = await space.hub.read(space.owner.replica.space, 0, { records: 1, bytes: 1 });
  const record = decodeRecord(records[0] as Uint8Array);
  if (!record.ok) throw new Error(record.error);
  return record.value;
}

it('moves the home although a record that is not here yet has forgotten a body there', async () => {
  const { owner, hub } = space;
  const id = owner.replica.space;
  await changeRole(owner.replica, hub, other.replica.machine, 'owner');
  await pull(other.replica, hub);
  await other.write(FILE, 'hunter2');
  await syncWith(other.replica, hub);
  await pull(owner.replica, hub); // and does not fetch the body
  await other.remove(FILE);
  await syncWith(other.replica, hub);
  expect(await forget(other.replica, hub, { items: [FILE], reason: '' })).not.toBeNull();
  const target = await openHub();
  await moveHome(owner.replica, hub, target, 'elsewhere');
  expect(await target.head(id)).toEqual(await hub.head(id));
});

it('lands again what is its own of a commit, although the body of another in it is never brought again', async () => {
  const { owner, hub } = space;
  await pull(other.replica, hub);
  const before = (await hub.head(owner.replica.space))?.position ?? 0;
  const [own, taken]: Item[] = [
    { kind: 'text', name: 'own.md' },
    { kind: 'text', name: 'taken.md' },
  ];
  await owner.write(FILE, 'given up\n');
  await owner.remove(FILE);
  await other.write(FILE, 'by the other\n');
  await syncWith(other.replica, hub);
  await pull(owner.replica, hub); // the deletion yields; what was given up goes into the history of what is there
  const theirs = (await owner.replica.visible([FILE])).values().next().value?.content ?? null;
  await owner.replica.exclusive(async () => {
    const commit = owner.replica.newCommitId();
    const body = Buffer.from('own\n');
    const [pieces] = await owner.replica.bodies.store([body], commit, owner.replica.keyId);
    const ours = { digest: owner.replica.bodies.digestOf(body, {}), size: body.length, attributes: {}, pieces: pieces ?? [] };
    await owner.replica.draft(
      [
        { item: own as Item, base: null, ours, history: [] },
        { item: taken as Item, base: null, ours: theirs, history: [] },
      ],
      { message: '', writer: 'test' },
      commit,
    );
  });
  await syncWith(owner.replica, hub);
  const old = await restored(hub, before + 1);
  owner.replica.setRemote(old);
  await reviveHome(owner.replica, old, 'the same');
  expect(await syncWith(owner.replica, old)).toMatchObject({ divergence: null });
  expect(owner.replica.drafts).toEqual([]);
  expect(await owner.read(own as Item)).toBe('own\n');
  expect(await owner.history(FILE)).toEqual(['given up\n']);
  expect(await owner.read(taken as Item)).toBeNull();
  await syncWith(owner.replica, old);
  // And whoever comes back after all finds what was taken over still wished for.
  other.replica.setRemote(old);
  for (const machine of [other, other, owner, other]) expect(await syncWith(machine.replica, old)).toMatchObject({ divergence: null });
  for (const machine of [owner, other]) {
    expect(await machine.read(taken as Item)).toBe('by the other\n');
    expect(await machine.read(FILE)).toBe('by the other\n');
    expect(await machine.history(own as Item)).toEqual(['own\n']);
  }
  expect(await owner.deps.store.read((tx) => tx.documents.list(`relands/${owner.replica.space}`))).toEqual([]);
});

it('lands for a machine whose disk was copied only what is there, and leaves the rest of the commit to its copy', async () => {
  const { owner, hub } = space;
  await pull(other.replica, hub);
  const before = (await hub.head(owner.replica.space))?.position ?? 0;
  const same = (await space.machine('other')).deps;
  const deps = { ...same, random: createSeededRandom('the copy') };
  const copy = new SmallMachine(Replica.create(deps, owner.replica.space), deps, hub);
  await pull(copy.replica, hub);
  const beside: Item = { kind: 'text', name: 'beside.md' };
  const body = (item: Item, text: string) => ({ type: 'body' as const, item, attributes: {}, body: Buffer.from(text), local: null });
  const large = 'by the copy\n'.repeat(4_000); // in an object of its own
  await copy.workspace.capture([body(FILE, large), body(beside, 'fetched\n')], { message: '', writer: 'test' });
  await syncWith(copy.replica, hub);
  await pull(other.replica, hub);
  expect(await other.read(beside)).toBe('fetched\n');
  const old = await restored(hub, before + 1);
  for (const machine of [owner, other, copy]) machine.replica.setRemote(old);
  await reviveHome(owner.replica, old, 'the same');
  for (const machine of [other, other, copy, copy, other, owner])
    expect(await syncWith(machine.replica, old)).toMatchObject({ divergence: null });
  for (const machine of [owner, other, copy]) {
    expect(await machine.read(beside)).toBe('fetched\n');
    expect(await machine.read(FILE)).toBe(large);
    expect(await machine.deps.store.read((tx) => tx.documents.list(`relands/${owner.replica.space}`))).toEqual([]);
  }
});
