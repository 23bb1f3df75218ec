import { beforeEach, describe, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { reviveHome } from '../../src/core/replica/move-home.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, openHub, type SmallMachine, type SmallSpace } from './small-space.ts';

/** What fell with the home, and is about to land again, is in place: no earlier version is put there meanwhile. */
const [FILE, NEW, OTHER, LOST]: Item[] = ['CLAUDE.md', 'new.md', 'other.md', 'lost.md'].map((name) => ({ kind: 'text', name }));

let space: SmallSpace;
let owner: SmallMachine;
let author: SmallMachine;
let target: Remote;

beforeEach(async () => {
  space = await createSmallSpace('fallen-in-place');
  owner = space.owner;
  author = await space.machine('author');
  await space.invite(author);
  await pull(author.replica, space.hub);
  await owner.write(FILE as Item, 'one\n');
  await syncWith(owner.replica, space.hub);
  await syncWith(author.replica, space.hub);
  await shows(author);
  // What only the author holds, so that the log falls to before it, and what both have in place behind it.
  await author.write(LOST as Item, 'only the author has it\n');
  await author.write(FILE as Item, 'one\ntwo\n');
  await author.write(NEW as Item, 'new\n');
  await syncWith(author.replica, space.hub);
  await syncWith(owner.replica, space.hub);
  const outstanding = (await owner.workspace.outstanding()).filter(({ item }) => item.name !== LOST?.name);
  await owner.workspace.prefetch(outstanding.flatMap(({ content }) => content ?? []));
  await owner.workspace.applied(outstanding.map(({ item, content }) => ({ item, content, local: null })));
  target = await openHub();
  for (const { replica } of [owner, author]) replica.setRemote(target);
});

async function shows(machine: SmallMachine): Promise<void> {
  await machine.workspace.prefetch((await machine.workspace.outstanding()).flatMap(({ content }) => content ?? []));
  await machine.apply();
}

/** Names of what would be put in place, or taken from it. */
async function outstanding({ workspace }: SmallMachine): Promise<string[]> {
  return (await workspace.outstanding()).map(({ item }) => item.name);
}

/** The new home, until it was asked to read so often. */
function cutAfter(remote: Remote, readings: number): Remote {
  let left = readings;
  return {
    ...remote,
    async read(...asked) {
      if (left-- <= 0) throw new RemoteError('unreachable', 'the way is cut');
      return remote.read(...asked);
    },
  };
}

async function revives(): Promise<void> {
  await reviveHome(owner.replica, target, 'the new one');
  expect(await syncWith(owner.replica, target)).toMatchObject({ divergence: null });
}

/** `toPut`: what the owner has yet to put in place. */
async function expectAll(toPut: readonly (Item | undefined)[] = [LOST]): Promise<void> {
  for (const machine of [author, author, author, owner])
    expect(await syncWith(machine.replica, target)).toMatchObject({ divergence: null });
  for (const machine of [owner, author]) {
    expect(await machine.replica.siblings()).toEqual([]);
    expect(await machine.read(FILE as Item)).toBe('one\ntwo\n');
    expect(await machine.read(NEW as Item)).toBe('new\n');
    expect(await machine.read(LOST as Item)).toBe('only the author has it\n');
  }
  expect(await outstanding(author)).toEqual([]);
  expect(await outstanding(owner)).toEqual(toPut.map((item) => item?.name));
}

it('stays there on a machine that follows', async () => {
  await revives();
  expect(await outstanding(owner)).toEqual([]);
  expect(await syncWith(author.replica, target)).toMatchObject({ moved: true, divergence: null });
  expect(await outstanding(author)).toEqual([]);
  await expectAll();
});

describe.each([0, 1, 2, 3, 4, 5, 6, 7])('where the way to the new home is cut after %i readings', (times) => {
  it.each(['', ', and the process begins anew'])('stays there on a machine that follows%s', async (anew) => {
    await revives();
    await syncWith(author.replica, cutAfter(target, times)).catch((error: unknown) => expect(error).toBeInstanceOf(RemoteError));
    if (anew !== '') await author.restart(true);
    expect(await outstanding(author)).toEqual([]);
    author.replica.setRemote(target);
    await expectAll();
  });

  it.each(['', ', and the process begins anew'])('stays there on the machine that moves%s', async (anew) => {
    await reviveHome(owner.replica, cutAfter(target, times), 'the new one').catch((error: unknown) =>
      expect(error).toBeInstanceOf(RemoteError),
    );
    if (anew !== '') await owner.restart(true);
    expect((await outstanding(owner)).filter((name) => name !== LOST?.name)).toEqual([]);
    owner.replica.setRemote(target);
    await revives();
    await expectAll();
  });
});

it('stays there on the machine that moves where nothing can be written at the new home any more', async () => {
  const full: Remote = {
    ...target,
    async append(...asked) {
      if (owner.replica.falls > 0) throw new RemoteError('unreachable', 'the way is cut');
      return target.append(...asked);
    },
  };
  await expect(reviveHome(owner.replica, full, 'the new one')).rejects.toThrow('cut');
  expect(owner.replica.falls).toBe(1);
  for (let round = 0; round < 2; round++) {
    expect(await outstanding(owner)).toEqual([]);
    await owner.restart(true);
  }
});

it.each(['what fell', 'something else'])('is what an edit is made of that is found before it has landed, of %s', async (of) => {
  await revives();
  const head = await target.head(author.replica.space);
  expect(await syncWith(author.replica, target)).toMatchObject({ moved: true });
  await author.replica.fallBack((head?.position ?? 0) - 2);
  expect((await author.replica.notes.unlanded()).size).toBeGreaterThan(0);
  const item = (of === 'what fell' ? FILE : OTHER) as Item;
  const edited = of === 'what fell' ? 'one\ntwo\nthree\n' : 'of its own\n';
  const report = await author.write(item, edited);
  expect(report.conflicts).toEqual([]);
  expect(await outstanding(author)).toEqual([]);
  for (const machine of [author, author, owner]) expect(await syncWith(machine.replica, target)).toMatchObject({ divergence: null });
  for (const machine of [owner, author]) {
    expect(await machine.read(item)).toBe(edited);
    expect(await machine.read(NEW as Item)).toBe('new\n');
    expect(await machine.replica.siblings()).toEqual([]);
  }
  expect(await outstanding(author)).toEqual([]);
});

it('does not keep what others change meanwhile from its place', async () => {
  await revives();
  await owner.write(FILE as Item, 'one\ntwo\nthree\n');
  await owner.write(OTHER as Item, 'of the owner\n');
  await syncWith(owner.replica, target);
  for (const machine of [author, author]) await syncWith(machine.replica, target);
  expect((await outstanding(author)).toSorted()).toEqual(['CLAUDE.md', 'other.md']);
  expect(await author.read(FILE as Item)).toBe('one\ntwo\nthree\n');
});

describe('of which the body is in no store within reach any more', () => {
  const IN_PLACE = 'one\ntwo\n';

  /** Where the owner keeps it, it is lost, though the file is in place. */
  async function losesBody(): Promise<void> {
    const content = [...(await owner.workspace.views()).values()].find(({ item }) => item.name === FILE?.name)?.shown;
    await owner.deps.objects.delete(
      owner.replica.space,
      (content?.pieces ?? []).map(({ object }) => object),
    );
    await owner.restart(true);
    owner.replica.setRemote(target);
    await revives();
  }

  it('is found there, and lands as an edit of what it was made from', async () => {
    await losesBody();
    expect(await outstanding(owner)).toEqual([]);
    expect([...(await owner.workspace.views()).values()].find(({ item }) => item.name === FILE?.name)).toMatchObject({ local: null });
    expect(await owner.write(FILE as Item, IN_PLACE)).toMatchObject({ changes: 1, conflicts: [] });
    expect(await syncWith(owner.replica, target)).toMatchObject({ pushed: 1 });
    expect(await outstanding(owner)).toEqual([]);
    await expectAll();
    expect(await owner.history(FILE as Item)).toEqual(['one\n', IN_PLACE]);
  });

  it('is found there with what was added to it', async () => {
    await losesBody();
    expect(await owner.write(FILE as Item, `${IN_PLACE}three\n`)).toMatchObject({ conflicts: [] });
    for (const machine of [owner, author, author, owner])
      expect(await syncWith(machine.replica, target)).toMatchObject({ divergence: null });
    for (const machine of [owner, author]) {
      expect(await machine.read(FILE as Item)).toBe(`${IN_PLACE}three\n`);
      // What it was made from is known to its author alone, who brings it: it is kept beside.
      expect(await machine.replica.siblings()).toMatchObject([{ item: FILE, content: { size: IN_PLACE.length } }]);
    }
  });

  it('is brought by its author otherwise, and put in place there once it is', async () => {
    await losesBody();
    await expectAll([FILE, LOST]);
  });

  it('does not come back where it was removed', async () => {
    await losesBody();
    await owner.remove(FILE as Item);
    await syncWith(owner.replica, target);
    expect(await owner.read(FILE as Item)).toBeNull();
  });
});
