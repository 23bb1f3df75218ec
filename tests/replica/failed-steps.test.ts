import { describe, expect, it } from 'vitest';
import type { Content } from '../../src/core/content.ts';
import type { Item } from '../../src/core/item.ts';
import type { Store } from '../../src/core/ports/store.ts';
import { changeRole } from '../../src/core/replica/administer.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { verifyChain } from '../../src/core/replica/chain.ts';
import { decodeRecord, EMPTY_HEAD } from '../../src/core/log/record.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { push, syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, openHub, SmallMachine, type SmallSpace } from './small-space.ts';

const FILE: Item = { kind: 'text', name: 'CLAUDE.md' };
const OTHER: Item = { kind: 'text', name: 'notes.md' };

/** A machine whose store fails once: at the `count`th read or write from when it is asked to. */
async function createFailingMachine(space: SmallSpace) {
  const { deps, hub } = await space.machine('failing');
  const left = { read: 0, write: 0 };
  const strike = (what: 'read' | 'write'): void => {
    if (left[what] > 0 && (left[what] -= 1) === 0) throw new Error('the disk is full');
  };
  const store: Store = {
    async read(work) {
      strike('read');
      return deps.store.read(work);
    },
    async write(work) {
      strike('write');
      return deps.store.write(work);
    },
    close: () => deps.store.close(),
  };
  const failing = { ...deps, store };
  const machine = new SmallMachine(Replica.create(failing, space.owner.replica.space), failing, hub);
  await space.invite(machine);
  await pull(machine.replica, hub);
  return { machine, fail: (what: 'read' | 'write', count: number) => void (left[what] = count) };
}

async function names(machine: SmallMachine): Promise<string[]> {
  return (await machine.workspace.outstanding()).map(({ item }) => item.name);
}

describe('what is outstanding is not forgotten', () => {
  it.each([1, 2, 3, 4, 5])('where read %i of the look fails', async (count) => {
    const space = await createSmallSpace('outstanding');
    const { machine, fail } = await createFailingMachine(space);
    await space.owner.write(FILE, 'one\n');
    await syncWith(space.owner.replica, space.hub);
    await pull(machine.replica, space.hub);
    fail('read', count);
    await names(machine).catch(() => []);
    fail('read', 0);
    expect(await names(machine)).toEqual(['CLAUDE.md']);
  });

  it('where it was looked for while more records were on their way', async () => {
    const space = await createSmallSpace('on its way');
    const { machine } = await createFailingMachine(space);
    await machine.write(FILE, 'a draft\n');
    expect(await names(machine)).toEqual([]);
    const before = { head: await machine.replica.head(), records: [] as Uint8Array[] };
    await space.owner.write(FILE, 'otherwise\n');
    await syncWith(space.owner.replica, space.hub);
    const { records } = await space.hub.read(space.owner.replica.space, (before.head?.position ?? -1) + 1, { records: 10, bytes: 1e6 });
    const chain = verifyChain(records, before.head ?? EMPTY_HEAD, space.owner.replica.space);
    if (!chain.ok || before.head === null) throw new Error('no chain');
    const { head } = before;
    await machine.replica.follow({ ...chain.value, after: head });
    // Behind the draft, which stands as it was.
    expect(await names(machine)).toEqual([]);
    // The draft goes, as if it had landed: what is in the log comes to light.
    await machine.deps.store.write(async (tx) =>
      tx.drafts.remove(
        machine.replica.space,
        machine.replica.drafts.map((draft) => draft.id),
      ),
    );
    await machine.replica.catchUp();
    expect(await names(machine)).toEqual(['CLAUDE.md']);
  });

  it.each(['read', 'write'] as const)('where a %s fails while records are replayed and drafts rebased', async (what) => {
    for (let count = 1; count <= 14; count += 1) {
      const space = await createSmallSpace(`replay ${what} ${count}`);
      const { machine, fail } = await createFailingMachine(space);
      await machine.write(OTHER, 'a draft\n');
      expect(await names(machine)).toEqual([]);
      await space.owner.write(FILE, 'one\n');
      await space.owner.write(OTHER, 'of the owner\n');
      await syncWith(space.owner.replica, space.hub);
      fail(what, count);
      await pull(machine.replica, space.hub).catch(() => null);
      fail(what, 0);
      await pull(machine.replica, space.hub);
      expect(await names(machine)).toEqual(['CLAUDE.md', 'notes.md']);
    }
  });

  it.each(['read', 'write'] as const)(
    'where a %s fails, it is looked at meanwhile, and the draft of an item becomes one of another',
    async (what) => {
      const session: Item = { kind: 'transcript', name: 'session.jsonl' };
      for (let count = 1; count <= 14; count += 1) {
        const space = await createSmallSpace(`forks ${what} ${count}`);
        const { machine, fail } = await createFailingMachine(space);
        await machine.write(session, '{"a":1}\n');
        expect(await names(machine)).toEqual([]);
        await space.owner.write(session, '{"b":1}\n');
        await syncWith(space.owner.replica, space.hub);
        fail(what, count);
        await pull(machine.replica, space.hub).catch(() => null);
        fail(what, 0);
        await names(machine);
        await pull(machine.replica, space.hub);
        expect(await names(machine)).toContain('session.jsonl');
      }
    },
  );

  it.each(['read', 'write'] as const)('where a %s fails, a look never finds a machine’s own draft taken back', async (what) => {
    for (let count = 1; count <= 14; count += 1) {
      const space = await createSmallSpace(`own ${what} ${count}`);
      const { machine, fail } = await createFailingMachine(space);
      await space.owner.write(FILE, 'first\n\n\n\nlast\n');
      await syncWith(space.owner.replica, space.hub);
      await syncWith(machine.replica, space.hub);
      await machine.apply();
      await machine.write(FILE, 'first\n\n\n\nlast of the machine\n');
      await space.owner.write(FILE, 'first of the owner\n\n\n\nlast\n');
      await syncWith(space.owner.replica, space.hub);
      fail(what, count);
      await pull(machine.replica, space.hub).catch(() => null);
      fail(what, 0);
      for (const { content } of await machine.workspace.outstanding())
        expect(Buffer.from(await machine.replica.bodies.read(content as Content)).toString()).toContain('last of the machine');
    }
  });

  it('where it was not here, and is found as it was shown', async () => {
    const { owner, hub } = await createSmallSpace('reappears');
    await owner.write(FILE, 'one\n');
    await syncWith(owner.replica, hub);
    const note = { message: '', writer: 'test' };
    await owner.replica.exclusive(async () => {
      const [state] = [...(await owner.replica.visible([FILE])).values()];
      await owner.replica.draft([{ item: FILE, base: state?.content ?? null, ours: null, history: [] }], note, owner.replica.newCommitId());
    });
    expect(await names(owner)).toEqual(['CLAUDE.md']);
    await owner.workspace.notHere([{ item: FILE, reason: 'the file here keeps changing' }]);
    expect(await names(owner)).toEqual([]);
    await owner.write(FILE, 'one\n');
    expect(await names(owner)).toEqual(['CLAUDE.md']);
  });
});

it('keeps a reader’s drafts to itself, until it is made a writer', async () => {
  const space = await createSmallSpace('reader');
  const reader = await space.machine('reader');
  await space.invite(reader);
  await changeRole(space.owner.replica, space.hub, reader.replica.machine, 'reader');
  await pull(reader.replica, space.hub);
  await reader.write(FILE, 'by a reader\n');
  const head = await space.hub.head(space.owner.replica.space);
  expect(await syncWith(reader.replica, space.hub)).toMatchObject({ pushed: 0, divergence: null });
  expect(await space.hub.head(space.owner.replica.space)).toEqual(head);
  expect(reader.replica.drafts).toHaveLength(1);

  await changeRole(space.owner.replica, space.hub, reader.replica.machine, 'writer');
  expect(await syncWith(reader.replica, space.hub)).toMatchObject({ pushed: 1 });
  await pull(space.owner.replica, space.hub);
  expect(await space.owner.read(FILE)).toBe('by a reader\n');
});

it.each([1, 2, 3, 4])('sends a draft once, where write %i of sending it fails', async (count) => {
  const space = await createSmallSpace('sent');
  const { machine, fail } = await createFailingMachine(space);
  await machine.write(FILE, 'one\n');
  fail('write', count);
  await push(machine.replica, space.hub).catch(() => null);
  fail('write', 0);
  await push(machine.replica, space.hub);
  expect(machine.replica.drafts).toEqual([]);
  await pull(space.owner.replica, space.hub);
  expect(await space.owner.history(FILE)).toEqual(['one\n']);
});

it('keeps both where an apply was interrupted, the item is again what was shown before it, and the file was edited', async () => {
  const { owner, hub } = await createSmallSpace('doubtful');
  await owner.write(FILE, 'ours\n');
  await syncWith(owner.replica, hub);
  const [shown] = [...(await owner.workspace.views()).values()].map((view) => view.shown);
  const note = { message: '', writer: 'test' };
  const change = async (content: Content | null) =>
    owner.replica.exclusive(async () => {
      const held = (await owner.replica.visible([FILE])).values().next().value?.content ?? null;
      await owner.replica.draft([{ item: FILE, base: held, ours: content, history: [] }], note, owner.replica.newCommitId());
    });
  const [pieces] = await owner.replica.bodies.store([Buffer.from('theirs\n')], owner.replica.newCommitId(), owner.replica.keyId);
  const theirs = { digest: owner.replica.bodies.digestOf(Buffer.from('theirs\n'), {}), size: 7, attributes: {}, pieces: pieces ?? [] };
  await change(theirs);
  await owner.workspace.intend(await owner.workspace.outstanding());
  // Power is lost behind the write of the file. Then somebody takes the old body back, and the user edits the new one.
  await owner.restart();
  await change(shown ?? null);
  await owner.write(FILE, 'theirs, edited\n');
  const bodies = (await owner.replica.siblings(FILE)).map(({ content }) => content?.size);
  expect([await owner.read(FILE), bodies]).toEqual(['ours\n', ['theirs, edited\n'.length]]);
});

it('follows a home that came back although what was read of it before was never replayed', async () => {
  const space = await createSmallSpace('unreplayed');
  const { deps, hub } = await space.machine('late');
  await space.invite(new SmallMachine(Replica.create(deps, space.owner.replica.space), deps, hub));
  const head = await hub.head(space.owner.replica.space);
  let isFull = false;
  const store: Store = {
    ...deps.store,
    read: (work) => deps.store.read(work),
    async write(work) {
      if (isFull) throw new Error('the disk is full');
      isFull = true;
      return deps.store.write(work);
    },
  };
  const replica = Replica.create({ ...deps, store }, space.owner.replica.space);
  await expect(pull(replica, hub)).rejects.toThrow('the disk is full');
  isFull = false;
  expect(replica.term).toBeNull();
  const old = await openHub();
  const genesis = decodeRecord((await hub.read(space.owner.replica.space, 0, { records: 1, bytes: 1 })).records[0] as Uint8Array);
  if (!genesis.ok) throw new Error(genesis.error);
  await old.append(space.owner.replica.space, EMPTY_HEAD, { records: [genesis.value], objects: [] });
  expect((await syncWith(replica, old)).divergence).toMatchObject({ type: 'rolled-back', local: head });
});
