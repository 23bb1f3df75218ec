import { beforeEach, describe, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { fallenOf } from '../../src/core/replica/fallen.ts';
import { reviveHome } from '../../src/core/replica/move-home.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, openHub, type SmallMachine, type SmallSpace } from './small-space.ts';

/** The home is gone, and with it a version between others, of which the machine that moves the space holds the later one. */
const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };
const BESIDE: Item = { kind: 'text', name: 'beside.md' };
const SKILL: Item[] = ['SKILL.md', 'run.sh'].map((name) => ({ kind: 'folder', name: `skills/s/${name}` }));

/** Versions that no merge of text joins. */
const [FIRST, LOST, LATER, LAST] = ['first\n', 'lost\n', 'later\n', 'last\n'];

let space: SmallSpace;
let owner: SmallMachine;
let author: SmallMachine;
let third: SmallMachine;

beforeEach(async () => {
  space = await createSmallSpace('lost-between');
  owner = space.owner;
  [author, third] = [await space.machine('author'), await space.machine('third')];
  for (const machine of [author, third]) {
    await space.invite(machine);
    await pull(machine.replica, space.hub);
  }
});

async function writes(machine: SmallMachine, item: Item, body: string): Promise<void> {
  await syncWith(machine.replica, space.hub);
  await shows(machine);
  await machine.write(item, body);
  await syncWith(machine.replica, space.hub);
}

/** What is in the space is fetched and in place. */
async function shows(machine: SmallMachine): Promise<void> {
  await machine.workspace.prefetch((await machine.workspace.outstanding()).flatMap(({ content }) => content ?? []));
  await machine.apply();
}

async function gone(): Promise<Remote> {
  const target = await openHub();
  for (const machine of [owner, author, third]) machine.replica.setRemote(target);
  await reviveHome(owner.replica, target, 'the new one');
  expect(await syncWith(owner.replica, target)).toMatchObject({ divergence: null });
  return target;
}

async function expectEverywhere(machines: readonly SmallMachine[], home: Remote, item: Item, body: string | null): Promise<void> {
  for (const machine of [...machines, ...machines]) expect(await syncWith(machine.replica, home)).toMatchObject({ divergence: null });
  for (const machine of machines) {
    expect(await machine.read(item)).toBe(body);
    expect(await machine.replica.siblings()).toEqual([]);
    expect(machine.replica.drafts).toEqual([]);
    expect(await fallenOf(machine.replica)).toMatchObject({ own: 0, others: new Map() });
    expect(await machine.deps.store.read((tx) => tx.documents.list(`relands/${machine.replica.space}`))).toEqual([]);
  }
}

describe.each(['another’s', 'its own'])('a later version that is here and in place, %s', (whose) => {
  beforeEach(async () => {
    await writes(owner, FILE, FIRST);
    await writes(author, FILE, LOST);
    await syncWith(owner.replica, space.hub); // and does not fetch it
    if (whose === 'its own') {
      await owner.replica.exclusive(async () => {
        const [before] = (await owner.replica.visible([FILE])).values();
        const commit = owner.replica.newCommitId();
        const body = Buffer.from(LATER);
        const [pieces] = await owner.replica.bodies.store([body], commit, owner.replica.keyId);
        const ours = { digest: owner.replica.bodies.digestOf(body, {}), size: body.length, attributes: {}, pieces: pieces ?? [] };
        await owner.replica.draft(
          [{ item: FILE, base: before?.content ?? null, ours, history: [] }],
          { message: '', writer: 'restore' },
          commit,
        );
      });
      await syncWith(owner.replica, space.hub);
    } else await writes(author, FILE, LATER);
    await syncWith(owner.replica, space.hub);
    await shows(owner);
    expect(await owner.read(FILE)).toBe(LATER);
  });

  it('stays in its place', async () => {
    await gone();
    expect(await owner.read(FILE)).toBe(LATER);
    expect(await owner.workspace.outstanding()).toEqual([]);
    expect(await owner.replica.siblings()).toEqual([]);
    expect(await owner.history(FILE)).toEqual([FIRST, LATER]);
  });

  it('stays when the author of the lost one is back, whose version goes into the history', async () => {
    const home = await gone();
    // Of what the owner made of a version that it never had, nothing in the log says so to others.
    if (whose === 'its own') {
      for (const machine of [author, author, owner]) expect(await syncWith(machine.replica, home)).toMatchObject({ divergence: null });
      expect(await owner.replica.siblings()).toMatchObject([{ item: FILE, content: { size: LOST.length } }]);
      expect(await author.read(FILE)).toBe(LATER);
    } else await expectEverywhere([author, owner], home, FILE, LATER);
    expect(new Set(await owner.history(FILE))).toEqual(new Set([FIRST, LATER, LOST]));
  });

  it('stays when a third machine brings what was lost, and its author comes last', async () => {
    await syncWith(third.replica, space.hub);
    const entries = await third.history(FILE); // fetches them
    expect(entries).toEqual([FIRST, LOST, LATER]);
    const home = await gone();
    await expectEverywhere([third, owner], home, FILE, LATER);
    await expectEverywhere([author, third, owner], home, FILE, LATER);
    expect(new Set(await owner.history(FILE))).toEqual(new Set([FIRST, LATER, LOST]));
  });

  it('stays where the author goes on from the lost one, who never saw the later: both are kept', async () => {
    const home = await gone();
    await author.write(FILE, LAST);
    for (const machine of [author, owner, author, owner]) expect(await syncWith(machine.replica, home)).toMatchObject({ divergence: null });
    const bodies = await owner.history(FILE);
    for (const body of [FIRST, LOST, LATER, LAST]) expect(bodies).toContain(body);
  });
});

it('keeps what follows a later version in its place, where other bodies of its commits were lost', async () => {
  await writes(author, FILE, FIRST);
  await writes(author, FILE, LOST);
  await author.workspace.capture(
    [FILE, BESIDE].map((item) => ({
      type: 'body',
      item,
      attributes: {},
      body: Buffer.from(LATER.repeat(item === BESIDE ? 9_000 : 1)),
      local: null,
    })),
    { message: '', writer: 'test' },
  );
  await syncWith(author.replica, space.hub);
  await syncWith(owner.replica, space.hub);
  expect(await owner.read(FILE)).toBe(LATER);
  await author.workspace.capture(
    [FILE, BESIDE].map((item) => ({
      type: 'body',
      item,
      attributes: {},
      body: Buffer.from(LAST.repeat(item === BESIDE ? 9_000 : 1)),
      local: null,
    })),
    { message: '', writer: 'test' },
  );
  await syncWith(author.replica, space.hub);
  await syncWith(owner.replica, space.hub);
  await owner.workspace.prefetch(
    (await owner.replica.visible([FILE])).values().next().value?.content
      ? [(await owner.replica.visible([FILE])).values().next().value!.content!]
      : [],
  );
  const home = await gone();
  expect(await owner.read(FILE)).toBe(LAST);
  expect(await owner.replica.siblings()).toEqual([]);
  await expectEverywhere([author, owner], home, FILE, LAST);
  expect(await owner.read(BESIDE)).toBe(LAST.repeat(9_000));
});

it('keeps a whole folder in its place of which an earlier file was lost', async () => {
  const write = (body: string): Promise<unknown> =>
    author.workspace.capture(
      SKILL.map((item) => ({ type: 'body', item, attributes: {}, body: Buffer.from(`${item.name} ${body}`), local: null })),
      { message: '', writer: 'test' },
    );
  for (const body of [LOST, LATER]) {
    await write(body);
    await syncWith(author.replica, space.hub);
  }
  await syncWith(owner.replica, space.hub);
  await shows(owner);
  const home = await gone();
  for (const item of SKILL) expect(await owner.read(item)).toBe(`${item.name} ${LATER}`);
  expect(await owner.replica.siblings()).toEqual([]);
  await expectEverywhere([author, owner], home, SKILL[0] as Item, `${SKILL[0]?.name} ${LATER}`);
});

it('keeps deleted what was deleted behind a lost version', async () => {
  await writes(owner, FILE, FIRST);
  await writes(author, FILE, LOST);
  await author.remove(FILE);
  await syncWith(author.replica, space.hub);
  await syncWith(owner.replica, space.hub);
  await shows(owner);
  const home = await gone();
  expect(await owner.read(FILE)).toBeNull();
  expect(await owner.workspace.outstanding()).toEqual([]);
  await expectEverywhere([author, owner], home, FILE, null);
  expect((await owner.history(FILE)).toSorted()).toContain(LOST);
});

describe('a file that was created and deleted while the owner was away', () => {
  it.each([
    ['its author', () => [author]],
    ['its author before a third machine', () => [author, third]],
    ['a third machine that has it before its author', () => [third, author]],
  ])('stays deleted when %s comes, and is in the history', async (_, machines) => {
    for (const machine of [author, owner, third]) await syncWith(machine.replica, space.hub);
    await writes(author, BESIDE, FIRST);
    await writes(author, FILE, LOST);
    await syncWith(third.replica, space.hub);
    await shows(third);
    await author.remove(FILE);
    await syncWith(author.replica, space.hub);
    await syncWith(owner.replica, space.hub);
    await shows(owner);
    const home = await gone();
    const coming = machines();
    for (const machine of [...coming, ...coming, owner]) {
      await syncWith(machine.replica, home);
      await shows(machine);
      expect(await machine.read(FILE)).toBeNull();
    }
    await expectEverywhere([...coming, owner], home, FILE, null);
    expect(await owner.history(FILE)).toEqual([LOST]);
    expect(await owner.read(BESIDE)).toBe(FIRST);
  });

  it('stays deleted when its author comes, where it was edited before', async () => {
    for (const body of [FIRST, LOST, LATER]) await writes(author, FILE, body);
    await author.remove(FILE);
    await syncWith(author.replica, space.hub);
    await syncWith(owner.replica, space.hub);
    const home = await gone();
    await expectEverywhere([author, owner], home, FILE, null);
    expect(new Set(await owner.history(FILE))).toEqual(new Set([FIRST, LOST, LATER]));
  });
});
