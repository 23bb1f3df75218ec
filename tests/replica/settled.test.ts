import { beforeEach, describe, expect, it } from 'vitest';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import type { ReplicaDeps } from '../../src/core/replica/deps.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createTestMachine, foundSpace } from '../doubles/machine.ts';
import { textItem } from './home.ts';

const found = (name: string, body: string) => ({
  type: 'body' as const,
  item: textItem(name),
  attributes: {},
  body: Buffer.from(body),
  local: null,
});
const NOTE = { message: '', writer: 'test' };

describe('what a writer had in place when its process ended', () => {
  let deps: ReplicaDeps;
  let remote: Remote;
  let replica: Replica;
  const open = (scope = 'all', writer = 'home') => createReplicaWorkspace(replica, { writer, covers: () => true, scope });
  const names = async (workspace = open()) => (await workspace.outstanding()).map(({ item }) => item.name);
  const restart = async (): Promise<void> => {
    replica = await Replica.open(deps, replica.space);
  };
  /** So that looking at all items would find it outstanding. */
  const loseView = (name: string) => deps.store.write((tx) => tx.views.remove(replica.space, 'home', [textItem(name)]));

  beforeEach(async () => {
    const clock = createTestClock();
    const hub = { store: await createSqliteStore({ path: ':memory:' }), objects: createObjectStoreDouble() };
    remote = createLocalRemote({ ...hub, clock, address: 'test:hub' });
    const store = await createSqliteStore({ path: ':memory:' });
    deps = await createTestMachine({ name: 'a', seed: 'settled', store, objects: createObjectStoreDouble(), clock });
    replica = await foundSpace(deps, remote);
    const workspace = open();
    await workspace.capture([found('x', '1'), found('y', '1')], NOTE);
    await syncWith(replica, remote);
    expect(await names(workspace)).toEqual([]);
    await workspace.close();
    await loseView('y');
    await restart();
  });

  it('is not looked at again, while the log and what is covered are the same', async () => {
    expect(await names()).toEqual([]);
    expect(await names(open('other'))).toEqual(['y']);
    expect(await names(open('all', 'other'))).toEqual(['x', 'y']);
  });

  it('is looked at where the log went on, or drafts lie on top', async () => {
    const other = open('all', 'other');
    await other.capture([found('z', '1')], NOTE);
    expect(await names()).toEqual(['y', 'z']);
    await restart();
    expect(await names()).toEqual(['y', 'z']);
    await syncWith(replica, remote);
    await restart();
    expect(await names()).toEqual(['y', 'z']);
  });

  it('is looked at after a capture, even one that changed nothing in the log', async () => {
    const workspace = open();
    // Equals what the log holds, though this writer was shown something else.
    await deps.store.write((tx) => tx.views.remove(replica.space, 'home', [textItem('x')]));
    await workspace.capture([found('x', '1')], NOTE);
    expect(replica.drafts).toEqual([]);
    expect(await names()).toEqual(['y']);
  });

  it('is looked at once the writer says that something is shown otherwise, or is not here', async () => {
    const workspace = open();
    await workspace.applied([{ item: textItem('x'), content: null, local: null }]);
    expect(await names(workspace)).toEqual(['x', 'y']);
  });

  it('is not noted while something is outstanding, or was never looked at', async () => {
    const workspace = open('fresh');
    await workspace.close();
    expect(await names(open('fresh'))).toEqual(['y']);
    const looked = open('fresh');
    expect(await names(looked)).toEqual(['y']);
    await looked.close();
    expect(await names(open('fresh'))).toEqual(['y']);
  });

  it('is the writer’s own note until one of its views is written', async () => {
    const item = textItem('x');
    const seen = async (writer = 'home') => open('all', writer).kept.get();
    const content = (await open().views()).get('text\0x')?.shown ?? null;
    const writes: [string, (workspace: ReturnType<typeof open>) => Promise<unknown>][] = [
      ['capture', (w) => w.capture([found('x', '2')], NOTE)],
      ['same', (w) => w.capture([{ type: 'same', item, local: 'note' }], NOTE)],
      ['intend', (w) => w.intend([{ item, content, shown: null, local: null }])],
      ['applied', (w) => w.applied([{ item, content, local: null }])],
      ['notHere', (w) => w.notHere([{ item, reason: 'why' }])],
    ];
    for (const [name, write] of writes) {
      await open().kept.keep('as it was', 0);
      await open('all', 'other').kept.keep('of another', 0);
      await restart();
      expect([name, await seen(), await seen('other')]).toEqual([name, 'as it was', 'of another']);
      await write(open());
      expect([name, await seen(), await seen('other')]).toEqual([name, null, 'of another']);
    }
  });

  it('is not kept where views were written since, other than by a capture, which says how many it noted', async () => {
    const item = textItem('x');
    const workspace = open();
    const before = workspace.kept.writes();
    const found = (name: string, body: string, local: string | null) =>
      ({ type: 'body', item: textItem(name), attributes: {}, body: Buffer.from(body), local }) as const;
    expect(await workspace.capture([found('x', '2', 'a'), found('n', '1', 'b'), found('m', '1', null)], NOTE)).toMatchObject({ noted: 2 });
    expect(await workspace.capture([{ type: 'same', item, local: 'c' }], NOTE)).toMatchObject({ noted: 1 });
    expect(await workspace.capture([{ type: 'absent', item }], NOTE)).toMatchObject({ noted: 0 });
    await workspace.kept.keep('captured', before);
    expect(await workspace.kept.get()).toBe('captured');
    await workspace.applied([{ item, content: null, local: null }]);
    await workspace.kept.keep('looked at before', before);
    expect(await workspace.kept.get()).toBeNull();
  });
});
