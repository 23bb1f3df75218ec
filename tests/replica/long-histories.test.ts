import { beforeEach, describe, expect, it } from 'vitest';
import type { Content } from '../../src/core/content.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { decodeRecord, EMPTY_HEAD } from '../../src/core/log/record.ts';
import type { HistoryEntry } from '../../src/core/ports/store.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { forget } from '../../src/core/replica/forget.ts';
import { backfill, beginWithCheckpoint, writeCheckpoint } from '../../src/core/replica/late-join.ts';
import { reviveHome } from '../../src/core/replica/move-home.ts';
import { prune } from '../../src/core/replica/prune.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, openHub, SmallMachine, type SmallSpace } from './small-space.ts';

const SESSION = { kind: 'transcript', name: 'projects/p-1/1b4e28ba-2fa1-41d2-883f-0016d3cca427.jsonl' };
/** A dozen pieces. */
const FIRST = Array.from({ length: 30_000 }, (_, n) => `{"n":${n},"text":"${(n * 2_654_435_761) % 4_294_967_296} is said"}\n`).join('');
/** More than the small pieces that a body may end in: they are made one on the way. */
const LINES = LIMITS.tailPieces + 16;

// Of such a body the store has only what each line adds.
describe('the history of a body of many pieces that grows line by line', () => {
  let space: SmallSpace;
  let owner: SmallMachine;
  /** What the item was after each line. */
  let became: Content[];

  const sync = async (machine: SmallMachine, hub: Remote = space.hub): Promise<void> => {
    expect((await syncWith(machine.replica, hub)).divergence).toBeNull();
    await machine.workspace.prefetch((await machine.workspace.outstanding()).flatMap(({ content }) => content ?? []));
    await machine.apply();
  };
  const current = async (machine: SmallMachine): Promise<Content> => {
    const content = (await machine.replica.visible([SESSION])).values().next().value?.content;
    if (content == null) throw new Error('the session is gone');
    return content;
  };
  const growBy = async (lines: number, hub: Remote = space.hub): Promise<void> => {
    for (let line = 0; line < lines; line += 1) {
      await owner.append(SESSION, `{"line":${became.length}}\n`);
      await sync(owner, hub);
      became.push(await current(owner));
    }
  };
  const entriesOf = (machine: SmallMachine): Promise<HistoryEntry[]> =>
    machine.deps.store.read((tx) => tx.items.history(machine.replica.space, SESSION, { limit: 1_000 }));
  /** Oldest first, as {@link became}. */
  const contentsOf = async (machine: SmallMachine): Promise<(Content | null)[]> =>
    (await entriesOf(machine)).map(({ content }) => content).toReversed();
  const joined = async (name: string): Promise<SmallMachine> => {
    const machine = await space.machine(name);
    await space.invite(machine);
    await sync(machine);
    return machine;
  };

  beforeEach(async () => {
    space = await createSmallSpace('long histories');
    owner = space.owner;
    await owner.write(SESSION, FIRST);
    await sync(owner);
    became = [await current(owner)];
    expect(became[0]?.pieces.length).toBeGreaterThan(8);
    await growBy(LINES);
    expect(new Set(became.map(({ pieces }) => pieces.length)).size).toBeGreaterThan(LIMITS.tailPieces);
    expect(became.at(-1)?.pieces.length).toBeLessThan(became[LIMITS.tailPieces]?.pieces.length as number);
  });

  it('has each of its lists, here and on another machine', async () => {
    expect(await contentsOf(owner)).toEqual(became);
    const other = await joined('other');
    expect(await contentsOf(other)).toEqual(became);
    for (const { revision, content } of await entriesOf(other)) {
      const found = await other.deps.store.read((tx) => tx.items.findRevision(other.replica.space, revision));
      expect(found.map((entry) => entry.content)).toEqual([content]);
    }
  });

  it('keeps them all when bodies among them are pruned, and goes on', async () => {
    const other = await joined('other');
    expect((await prune(owner.replica, space.hub, { olderThan: 0, keep: 1 })).objects.length).toBeGreaterThan(0);
    await growBy(3);
    await sync(other);
    for (const machine of [owner, other]) {
      await machine.restart();
      expect(await contentsOf(machine)).toEqual(became);
      const end = became.length - 1;
      expect(await machine.read(SESSION)).toBe(`${FIRST}${Array.from({ length: end }, (_, n) => `{"line":${n + 1}}\n`).join('')}`);
      await expect(machine.replica.bodies.read(became[20] as Content)).rejects.toMatchObject({ reason: 'pruned' });
    }
  });

  it('keeps them all when the item is erased', async () => {
    const other = await joined('other');
    const { replica } = owner;
    const gone = { item: SESSION, base: await current(owner), ours: null, history: [] };
    await replica.draft([gone], { message: '', writer: 'test' }, replica.newCommitId());
    await sync(owner);
    await forget(owner.replica, space.hub, { items: [SESSION], reason: 'a test' });
    await sync(other);
    for (const machine of [owner, other]) {
      expect(await contentsOf(machine)).toEqual([...became, null]);
      await expect(machine.history(SESSION)).rejects.toMatchObject({ reason: 'erased' });
    }
  });

  it('begins at a checkpoint in the midst of it, and is whole once what is before was fetched', async () => {
    const late = await space.machine('late');
    await space.invite(late);
    await sync(owner);
    await writeCheckpoint(owner.replica, space.hub);
    const begun = became.length - 1;
    await growBy(LIMITS.tailPieces + 4);
    late.replica.setRemote(space.hub);
    expect(await beginWithCheckpoint(late.replica, space.hub)).toBe(true);
    await sync(late);
    expect(await contentsOf(late)).toEqual(became.slice(begun));
    let result = await backfill(late.replica, space.hub);
    while (result === 'more') result = await backfill(late.replica, space.hub);
    expect(result).toBe('done');
    expect(await contentsOf(late)).toEqual(became);
    expect(await entriesOf(late)).toEqual(await entriesOf(owner));
  });

  it('is what the log makes after a home that came back without its end', async () => {
    const { replica } = owner;
    const kept = replica.position - 30;
    const copy = await openHub();
    const { records } = await space.hub.read(replica.space, 0, { records: kept + 1, bytes: 100_000_000 });
    for (const bytes of records) {
      const record = decodeRecord(bytes);
      if (!record.ok) throw new Error(record.error);
      const objects = await space.hub.getObjects(replica.space, record.value.header.objects);
      await copy.putObjects(
        replica.space,
        [...objects].map(([id, object]) => ({ id, bytes: object })),
      );
      await copy.append(replica.space, (await copy.head(replica.space)) ?? EMPTY_HEAD, { records: [record.value], objects: [] });
    }
    replica.setRemote(copy);
    await replica.fallBack(kept);
    expect(await contentsOf(owner)).toEqual(became.slice(0, (await contentsOf(owner)).length));
    await reviveHome(replica, copy, 'the same');
    await sync(owner, copy);
    await growBy(5, copy);
    const digests = (await contentsOf(owner)).map((content) => content?.digest);
    expect(digests).toEqual(became.map(({ digest }) => digest));

    const { deps } = owner;
    await owner.restart();
    const before = await entriesOf(owner);
    owner.replica.setRemote(copy);
    await owner.replica.rebuild(owner.replica.position, () => Promise.resolve());
    expect(await entriesOf(new SmallMachine(owner.replica, deps, copy))).toEqual(before);
  });
});
