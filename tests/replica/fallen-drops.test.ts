import { beforeEach, describe, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { changeRole } from '../../src/core/replica/administer.ts';
import { fallenOf } from '../../src/core/replica/fallen.ts';
import { listErasures } from '../../src/core/replica/forget-compliance.ts';
import { forget } from '../../src/core/replica/forget.ts';
import { reviveHome } from '../../src/core/replica/move-home.ts';
import { prune } from '../../src/core/replica/prune.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, openHub, type SmallMachine, type SmallSpace } from './small-space.ts';

/** The home is gone with a body that nobody near has, and the log falls to before records that forgot or pruned others. */
const [SECRET, BESIDE, LOST]: Item[] = ['secret.md', 'beside.md', 'lost.md'].map((name) => ({ kind: 'text', name }));

let space: SmallSpace;
let owner: SmallMachine;
let author: SmallMachine;

beforeEach(async () => {
  space = await createSmallSpace('fallen-drops');
  owner = space.owner;
  author = await space.machine('author');
  await space.invite(author);
  await pull(author.replica, space.hub);
});

const body = (item: Item | undefined, text: string) => ({
  type: 'body' as const,
  item: item as Item,
  attributes: {},
  body: Buffer.from(text),
  local: null,
});

/** What only the author has, and is lost to the owner with the hub. */
async function authorWrites(): Promise<void> {
  await syncWith(author.replica, space.hub);
  await author.write(LOST as Item, 'only the author has it\n');
  await syncWith(author.replica, space.hub);
  await pull(owner.replica, space.hub);
}

async function gone(): Promise<Remote> {
  const target = await openHub();
  for (const { replica } of [owner, author]) replica.setRemote(target);
  await reviveHome(owner.replica, target, 'the new one');
  expect(await syncWith(owner.replica, target)).toMatchObject({ divergence: null });
  return target;
}

/** Everybody reads all that stands in the log, and finds it at the home. */
async function expectReadable(home: Remote, expected: Readonly<Record<string, string>>): Promise<void> {
  for (const machine of [author, author, owner]) expect(await syncWith(machine.replica, home)).toMatchObject({ divergence: null });
  for (const machine of [owner, author]) {
    const read: Record<string, string> = {};
    for (const { item, content } of await machine.replica.list()) {
      expect(content).not.toBeNull();
      machine.replica.bodies.forgetPlain();
      const objects = content?.pieces.map(({ object }) => object) ?? [];
      // The home has what a machine would need that has nothing yet.
      expect((await home.hasObjects(machine.replica.space, objects)).size).toBe(new Set(objects).size);
      read[item.name] = (await machine.read(item)) ?? '';
    }
    expect(read).toEqual(expected);
    expect(await machine.replica.siblings()).toEqual([]);
  }
}

it('keeps what shared an object with a forgotten body (simulation seed 2244)', async () => {
  await owner.workspace.capture([body(SECRET, 'hunter2'), body(BESIDE, 'beside\n')], { message: '', writer: 'test' });
  await syncWith(owner.replica, space.hub);
  await owner.remove(SECRET as Item);
  await syncWith(owner.replica, space.hub);
  await authorWrites();
  await forget(owner.replica, space.hub, { items: [SECRET as Item], reason: '' });
  const home = await gone();
  expect(await owner.read(BESIDE as Item)).toBe('beside\n');
  await expectReadable(home, { 'beside.md': 'beside\n', 'lost.md': 'only the author has it\n' });
  for await (const { id } of owner.deps.objects.list(owner.replica.space)) {
    const bytes = (await owner.deps.objects.get(owner.replica.space, [id])).get(id);
    expect(Buffer.from(bytes ?? []).includes('hunter2')).toBe(false);
  }
});

it('keeps what stood before a body was pruned', async () => {
  for (const text of ['one\n', 'two\n', 'three\n']) {
    await owner.write(BESIDE as Item, text);
    await syncWith(owner.replica, space.hub);
  }
  await authorWrites();
  await prune(owner.replica, space.hub, { olderThan: 0, keep: 1 });
  const home = await gone();
  await expectReadable(home, { 'beside.md': 'three\n', 'lost.md': 'only the author has it\n' });
});

it('sends the whole log, with what was dropped from it, where nothing else is missing', async () => {
  await owner.workspace.capture([body(SECRET, 'hunter2'), body(BESIDE, 'beside\n')], { message: '', writer: 'test' });
  await owner.remove(SECRET as Item);
  await syncWith(owner.replica, space.hub);
  await forget(owner.replica, space.hub, { items: [SECRET as Item], reason: '' });
  const { position } = owner.replica;
  await gone();
  expect(owner.replica.falls).toBe(0);
  expect(owner.replica.position).toBe(position + 1);
});

describe('what was forgotten before the log fell', () => {
  let away: SmallMachine;

  /** A third machine heard of nothing since before the secret was forgotten, and has it in place. */
  beforeEach(async () => {
    away = await space.machine('away');
    await space.invite(away);
    await pull(away.replica, space.hub);
  });

  async function writeAndForget(writer: SmallMachine, bodies: Readonly<Record<string, string>>): Promise<void> {
    await syncWith(writer.replica, space.hub);
    await writer.workspace.capture(
      Object.entries(bodies).map(([name, text]) => body({ kind: 'text', name }, text)),
      { message: '', writer: 'test' },
    );
    await syncWith(writer.replica, space.hub);
    for (const machine of [owner, author, away]) {
      await syncWith(machine.replica, space.hub);
      await machine.workspace.prefetch((await machine.workspace.outstanding()).flatMap(({ content }) => content ?? []));
      await machine.apply();
    }
    await owner.remove(SECRET as Item);
    await syncWith(owner.replica, space.hub);
    await authorWrites();
    await forget(owner.replica, space.hub, { items: [SECRET as Item], reason: 'a password' });
    await syncWith(author.replica, space.hub);
  }

  async function expectForgotten(home: Remote): Promise<void> {
    away.replica.setRemote(home);
    for (const machine of [away, author, owner, away, author, owner])
      expect(await syncWith(machine.replica, home)).toMatchObject({ divergence: null });
    for (const machine of [owner, author, away]) {
      expect(await machine.read(SECRET as Item)).toBeNull();
      expect(await machine.history(SECRET as Item)).toEqual([]);
      expect((await listErasures(machine.replica)).map(({ reason }) => reason)).toEqual(['a password']);
      expect(await fallenOf(machine.replica)).toMatchObject({ own: 0, others: new Map() });
      for await (const { id } of machine.deps.objects.list(machine.replica.space))
        expect(Buffer.from((await machine.deps.objects.get(machine.replica.space, [id])).get(id) ?? []).includes('hunter2')).toBe(false);
    }
  }

  it.each(['the owner', 'the author', 'who is away'])('stays so, when %s comes that wrote it', async (who) => {
    await writeAndForget(who === 'the owner' ? owner : who === 'the author' ? author : away, { 'secret.md': 'hunter2' });
    const home = await gone();
    await expectForgotten(home);
    await expectReadable(home, { 'lost.md': 'only the author has it\n' });
    expect(await away.workspace.outstanding()).toMatchObject([{ item: SECRET, content: null }]);
  });

  it('stays so, with what shared its object', async () => {
    await writeAndForget(away, { 'secret.md': 'hunter2', 'beside.md': 'beside\n' });
    const home = await gone();
    await expectForgotten(home);
    await expectReadable(home, { 'beside.md': 'beside\n', 'lost.md': 'only the author has it\n' });
    expect(await away.read(BESIDE as Item)).toBe('beside\n');
  });

  it('stays so where another owner moves the space, who had not heard of it', async () => {
    await changeRole(owner.replica, space.hub, author.replica.machine, 'owner');
    await syncWith(owner.replica, space.hub);
    await owner.write(SECRET as Item, 'hunter2');
    await syncWith(owner.replica, space.hub);
    await syncWith(author.replica, space.hub);
    await syncWith(away.replica, space.hub);
    await away.read(SECRET as Item);
    await owner.write(LOST as Item, 'only the owner has it\n');
    await owner.remove(SECRET as Item);
    await syncWith(owner.replica, space.hub);
    await pull(author.replica, space.hub);
    await forget(owner.replica, space.hub, { items: [SECRET as Item], reason: 'a password' });
    const target = await openHub();
    for (const { replica } of [owner, author, away]) replica.setRemote(target);
    await reviveHome(author.replica, target, 'the new one');
    for (const machine of [owner, owner]) expect(await syncWith(machine.replica, target)).toMatchObject({ divergence: null });
    await expectForgotten(target);
  });

  it('keeps what was made of it and not sent yet', async () => {
    await writeAndForget(author, { 'secret.md': 'hunter2' });
    await away.append(SECRET as Item, ', and more');
    const home = await gone();
    away.replica.setRemote(home);
    for (const machine of [away, away, owner]) expect(await syncWith(machine.replica, home)).toMatchObject({ divergence: null });
    expect(await owner.read(SECRET as Item)).toBe('hunter2, and more');
  });

  it('stays so where it was interrupted behind the move', async () => {
    await writeAndForget(author, { 'secret.md': 'hunter2' });
    const target = await openHub();
    let controls = 0;
    const breaking: Remote = {
      ...target,
      append: async (...args) => {
        const [record] = args[2].records;
        if (record?.header.type === 'control' && record.header.term > 0 && (controls += 1) === 2) throw new Error('the way is cut');
        return target.append(...args);
      },
    };
    for (const { replica } of [owner, author]) replica.setRemote(target);
    await expect(reviveHome(owner.replica, breaking, 'the new one')).rejects.toThrow('the way is cut');
    await owner.restart(true);
    owner.replica.setRemote(target);
    await syncWith(owner.replica, target);
    await expectForgotten(target);
  });
});
