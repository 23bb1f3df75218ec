import { beforeEach, describe, expect, it } from 'vitest';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import type { Replica } from '../../src/core/replica/replica.ts';
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

describe('which items a writer looks at again', () => {
  let deps: ReplicaDeps;
  let remote: Remote;
  let replica: Replica;
  const open = (writer: string) => createReplicaWorkspace(replica, { writer, covers: () => true, scope: 'all' });
  const names = async (workspace: ReturnType<typeof open>) => (await workspace.outstanding()).map(({ item }) => item.name);
  /** So that looking at it would find it outstanding. */
  const loseView = (name: string) => deps.store.write((tx) => tx.views.remove(replica.space, 'home', [textItem(name)]));

  beforeEach(async () => {
    const clock = createTestClock();
    remote = createLocalRemote({
      ...{ store: await createSqliteStore({ path: ':memory:' }), objects: createObjectStoreDouble() },
      ...{ clock, address: 'test:hub' },
    });
    const store = await createSqliteStore({ path: ':memory:' });
    deps = await createTestMachine({ name: 'a', seed: 'looked', store, objects: createObjectStoreDouble(), clock });
    replica = await foundSpace(deps, remote);
  });

  it('are not those that it captured and that are what it found, before and after they land', async () => {
    const home = open('home');
    await home.capture([found('x', '1')], NOTE);
    await loseView('x');
    expect(await names(home)).toEqual([]);
    await syncWith(replica, remote);
    expect(await names(home)).toEqual([]);
  });

  it('are those of which something else came than what it found', async () => {
    const [home, other] = [open('home'), open('other')];
    await other.capture([found('x', 'theirs\n')], NOTE);
    await home.capture([found('x', 'ours\n')], NOTE);
    expect(await names(home)).toEqual(['x']);
  });

  it('are those that changed while they were applied, and not those that did not', async () => {
    const [home, other] = [open('home'), open('other')];
    await other.capture([found('x', '1'), found('y', '1')], NOTE);
    const outstanding = await home.outstanding();
    await other.capture([found('x', '2')], NOTE);
    await home.applied(outstanding.map(({ item, content }) => ({ item, content, local: null })));
    await loseView('y');
    expect(await names(home)).toEqual(['x']);
  });

  it('are those that were applied as something else than what they were to be', async () => {
    const [home, other] = [open('home'), open('other')];
    await other.capture([found('x', '1')], NOTE);
    const [outstanding] = await home.outstanding();
    await home.applied([{ item: outstanding!.item, content: null, local: null }]);
    expect(await names(home)).toEqual(['x']);
  });

  it('are all that was there when it began, and what came since', async () => {
    const [home, other] = [open('home'), open('other')];
    await other.capture([found('y', '1')], NOTE);
    await home.begin();
    await other.capture([found('z', '1')], NOTE);
    await home.capture([found('x', '1')], NOTE);
    await loseView('x');
    expect(await names(home)).toEqual(['y', 'z']);
  });

  it('are all that changed before the first capture', async () => {
    const [home, other] = [open('home'), open('other')];
    await other.capture([found('y', '1')], NOTE);
    await home.capture([found('x', '1')], NOTE);
    expect(await names(home)).toEqual(['y']);
  });
});
