import { beforeEach, describe, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import type { CommitId } from '../../src/core/ids.ts';
import { decodeRecord, EMPTY_HEAD, sealRecord } from '../../src/core/log/record.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { revoke } from '../../src/core/replica/administer.ts';
import { dropLanded, fallenOf } from '../../src/core/replica/fallen.ts';
import { reviveHome } from '../../src/core/replica/move-home.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { sha256 } from '../../src/core/crypto/hash.ts';
import { createSmallSpace, openHub, type SmallMachine, type SmallSpace } from './small-space.ts';

const GROWN: Item = { kind: 'jsonl', name: 'history.jsonl' };
const BESIDE: Item = { kind: 'text', name: 'CLAUDE.md' };

let space: SmallSpace;
let owner: SmallMachine;
let other: SmallMachine;
/** Records of the log that the home's backup holds. */
let backedUp: number;

beforeEach(async () => {
  space = await createSmallSpace('fallen');
  owner = space.owner;
  other = await space.machine('other');
  await space.invite(other);
  await pull(other.replica, space.hub);
  backedUp = ((await space.hub.head(owner.replica.space))?.position ?? 0) + 1;
});

/** The home as it comes back from its backup, made the home again by the owner. */
async function restoreHome(): Promise<Remote> {
  const old = await homeFromBackup();
  await reviveHome(owner.replica, old, 'the same');
  expect(await syncWith(owner.replica, old)).toMatchObject({ divergence: null });
  return old;
}

async function homeFromBackup(): Promise<Remote> {
  const old = await openHub();
  const id = owner.replica.space;
  const page = await space.hub.read(id, 0, { records: backedUp, bytes: 1_000_000 });
  for (const bytes of page.records) {
    const record = decodeRecord(bytes);
    if (!record.ok) throw new Error(record.error);
    await old.append(id, (await old.head(id)) ?? EMPTY_HEAD, { records: [record.value], objects: [] });
  }
  for (const machine of [owner, other]) machine.replica.setRemote(old);
  return old;
}

/** The other machine writes one item, and then in one commit adds to it and writes another; the owner fetches only that. */
async function fetchOneOfTwo(grown: Item, beside: Item): Promise<void> {
  await other.write(grown, 'one\n');
  await other.workspace.capture(
    [
      {
        type: 'tail',
        item: grown,
        attributes: {},
        baseSize: 4,
        tail: Buffer.from('two\n'),
        sha256: sha256(Buffer.from('one\ntwo\n')),
        local: null,
      },
      { type: 'body', item: beside, attributes: {}, body: Buffer.from('beside\n'), local: null },
    ],
    { message: '', writer: 'test' },
  );
  await syncWith(other.replica, space.hub);
  await pull(owner.replica, space.hub);
  expect(await owner.read(beside)).toBe('beside\n');
}

it('lands again what it holds of a commit of which another body was lost with the home (simulation seed 9736)', async () => {
  await fetchOneOfTwo(GROWN, BESIDE);
  const home = await restoreHome();
  expect(await owner.read(BESIDE)).toBe('beside\n');
  expect(await owner.read(GROWN)).toBeNull();
  expect(owner.replica.drafts).toEqual([]);

  for (const machine of [other, other, owner]) expect(await syncWith(machine.replica, home)).toMatchObject({ divergence: null });
  expect(await owner.read(BESIDE)).toBe('beside\n');
  expect(await owner.read(GROWN)).toBe('one\ntwo\n');
  expect(await owner.history(BESIDE)).toEqual(['beside\n']);
  expect(other.replica.drafts).toEqual([]);
});

it('keeps half of a folder that fell with the home beside it, and puts it whole when its author is back', async () => {
  const [skill, run]: [Item, Item] = [
    { kind: 'folder', name: 'skills/s/SKILL.md' },
    { kind: 'folder', name: 'skills/s/run.sh' },
  ];
  await fetchOneOfTwo(skill, run);
  const home = await restoreHome();
  expect(await owner.read(run)).toBeNull();
  expect((await owner.replica.siblings(run)).length).toBe(1);
  for (const machine of [other, other, owner]) expect(await syncWith(machine.replica, home)).toMatchObject({ divergence: null });
  expect([await owner.read(skill), await owner.read(run)]).toEqual(['one\ntwo\n', 'beside\n']);
});

it('takes no deletion of a commit of which a body was lost with the home: it may have been a rename', async () => {
  await owner.write(BESIDE, 'renamed\n');
  await syncWith(owner.replica, space.hub);
  await pull(other.replica, space.hub);
  await other.apply();
  backedUp += 1;
  await other.workspace.capture(
    [
      { type: 'absent', item: BESIDE },
      { type: 'body', item: GROWN, attributes: {}, body: Buffer.from('renamed and edited\n'), local: null },
    ],
    { message: '', writer: 'test' },
  );
  await syncWith(other.replica, space.hub);
  await pull(owner.replica, space.hub);
  await restoreHome();
  expect(await owner.read(BESIDE)).toBe('renamed\n');
});

describe('what fell with the home and nobody here can land again (simulation seed 9736)', () => {
  const BODY = 'only the other holds it\n';
  beforeEach(async () => {
    await other.write(BESIDE, BODY);
    await syncWith(other.replica, space.hub);
    await pull(owner.replica, space.hub);
    await owner.apply(); // the body itself is not fetched
    expect(await owner.workspace.outstanding()).toEqual([]);
  });

  it('is not there any more, and not taken from its place', async () => {
    await restoreHome();
    expect(await owner.read(BESIDE)).toBeNull();
    expect(await owner.workspace.outstanding()).toEqual([]);
    await owner.remove(BESIDE);
    expect(owner.replica.drafts).toEqual([]);
  });

  it('lands where it is found in its place, and is the same when its author brings it', async () => {
    const home = await restoreHome();
    expect(await owner.write(BESIDE, BODY)).toMatchObject({ changes: 1 });
    for (const machine of [owner, other, other, owner]) expect(await syncWith(machine.replica, home)).toMatchObject({ divergence: null });
    for (const machine of [owner, other]) {
      expect(await machine.read(BESIDE)).toBe(BODY);
      expect(await machine.workspace.outstanding()).toEqual([]);
      expect(await machine.replica.siblings()).toEqual([]);
    }
  });
});

it('lands again from its own copy what another wrote in the very same words', async () => {
  await other.write(BESIDE, 'the same\n');
  await syncWith(other.replica, space.hub);
  await owner.write(BESIDE, 'the same\n');
  await syncWith(owner.replica, space.hub);
  expect(owner.replica.drafts).toEqual([]);
  const home = await restoreHome();
  expect(await owner.read(BESIDE)).toBe('the same\n');
  expect(await owner.workspace.outstanding()).toEqual([]);
  await owner.restart();
  owner.replica.setRemote(home);
  expect(await owner.read(BESIDE)).toBe('the same\n');
});

it('lands again what it took from another who wrote it in the very same words', async () => {
  const taken: Item = { kind: 'text', name: 'taken.md' };
  await other.write(BESIDE, 'the same\n');
  await syncWith(other.replica, space.hub);
  await owner.write(BESIDE, 'the same\n');
  await syncWith(owner.replica, space.hub);
  await owner.replica.exclusive(async () => {
    const content = (await owner.replica.visible([BESIDE])).values().next().value?.content ?? null;
    const note = { message: '', writer: 'test' };
    await owner.replica.draft([{ item: taken, base: null, ours: content, history: [] }], note, owner.replica.newCommitId());
  });
  await syncWith(owner.replica, space.hub);
  await restoreHome();
  expect(await owner.read(taken)).toBe('the same\n');
});

it.each(['applied', 'intended'])('shows what can be read where an apply was under way when the log fell, %s', async (how) => {
  await revoke(owner.replica, space.hub, []);
  await other.write(BESIDE, 'under a key that falls\n');
  await syncWith(other.replica, space.hub);
  await pull(owner.replica, space.hub);
  const underWay = await owner.workspace.outstanding();
  expect(underWay).toMatchObject([{ item: BESIDE }]);
  await owner.workspace.prefetch(underWay.flatMap(({ content }) => content ?? []));
  if (how === 'applied') await owner.workspace.intend(underWay);
  const home = await homeFromBackup();
  await owner.replica.fallBack(backedUp - 1);
  if (how === 'intended') await owner.workspace.intend(underWay);
  else await owner.workspace.applied(underWay.map(({ item, content }) => ({ item, content, local: null })));
  const view = [...(await owner.workspace.views()).values()].find(({ item }) => item.name === BESIDE.name);
  const content = how === 'applied' ? view?.shown : view?.intended?.content;
  await revoke(owner.replica, home, []); // another key has the number of the one that fell
  await owner.restart();
  expect(content).toMatchObject({ digest: underWay[0]?.content?.digest });
  expect(content && Buffer.from(await owner.workspace.read(BESIDE, content)).toString()).toBe('under a key that falls\n');
});

describe('what fell and is not there again', () => {
  const NOTHING = { own: 0, others: new Map(), recovery: false };

  it('is told by author, until the author brings it', async () => {
    await other.write(BESIDE, 'only the other holds it\n');
    await syncWith(other.replica, space.hub);
    await pull(owner.replica, space.hub);
    await owner.write(GROWN, 'of our own\n');
    await syncWith(owner.replica, space.hub);
    const home = await restoreHome();
    const fallen = { ...NOTHING, others: new Map([[other.replica.machine, 1]]) };
    expect(await fallenOf(owner.replica)).toEqual(fallen);
    await dropLanded(owner.replica);
    expect(await owner.deps.store.read((tx) => tx.logs.fallen(owner.replica.space))).toHaveLength(1);
    expect(await fallenOf(owner.replica)).toEqual(fallen);

    for (const machine of [other, other, owner]) await syncWith(machine.replica, home);
    for (const { replica, deps } of [owner, other]) {
      expect(await fallenOf(replica)).toEqual(NOTHING);
      await dropLanded(replica);
      expect(await deps.store.read((tx) => tx.logs.fallen(replica.space))).toEqual([]);
    }
  });

  it('is told where only a part of it could be landed again', async () => {
    await fetchOneOfTwo(GROWN, BESIDE);
    const home = await restoreHome();
    expect(await fallenOf(owner.replica)).toEqual({ ...NOTHING, others: new Map([[other.replica.machine, 2]]) });
    for (const machine of [other, other, owner]) await syncWith(machine.replica, home);
    expect(await fallenOf(owner.replica)).toEqual(NOTHING);
  });

  it('is our own, too, as long as it names a body of another’s', async () => {
    const taken: Item = { kind: 'text', name: 'taken.md' };
    await other.write(BESIDE, 'only the other holds it\n');
    await syncWith(other.replica, space.hub);
    await pull(owner.replica, space.hub);
    await owner.replica.exclusive(async () => {
      const content = (await owner.replica.visible([BESIDE])).values().next().value?.content ?? null;
      const note = { message: '', writer: 'test' };
      await owner.replica.draft([{ item: taken, base: null, ours: content, history: [] }], note, owner.replica.newCommitId());
    });
    await syncWith(owner.replica, space.hub);
    const home = await restoreHome();
    expect(await fallenOf(owner.replica)).toEqual({ ...NOTHING, own: 1, others: new Map([[other.replica.machine, 1]]) });
    await dropLanded(owner.replica);
    for (const machine of [other, other, owner]) await syncWith(machine.replica, home);
    expect(await fallenOf(owner.replica)).toEqual(NOTHING);
    expect(await owner.read(taken)).toBe('only the other holds it\n');
  });

  it('is no record that was void', async () => {
    const head = await space.hub.head(owner.replica.space);
    if (head === null) throw new Error('no log');
    const record = sealRecord(
      {
        type: 'commit',
        space: owner.replica.space,
        id: 'ab'.repeat(16) as CommitId,
        position: head.position + 1,
        previous: head.hash,
        term: head.term,
        keyId: 1,
        objects: [],
        previousControl: null,
      },
      Buffer.from('garbage'),
      other.deps.machine.key,
    );
    await space.hub.append(owner.replica.space, head, { records: [record], objects: [] });
    await other.write(BESIDE, 'only the other holds it\n');
    await syncWith(other.replica, space.hub);
    await pull(owner.replica, space.hub);
    await restoreHome();
    expect(await fallenOf(owner.replica)).toEqual({ ...NOTHING, others: new Map([[other.replica.machine, 1]]) });
  });
});
