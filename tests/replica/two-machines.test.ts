import { beforeEach, describe, expect, it } from 'vitest';
import type { Content } from '../../src/core/content.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createTestMachine, followSpace, foundSpace } from '../doubles/machine.ts';
import { Home, textItem } from './home.ts';

describe('two machines and a hub', () => {
  let a: Home;
  let b: Home;
  let sync: (home: Home) => Promise<void>;

  beforeEach(async () => {
    const clock = createTestClock();
    const hubStore = await createSqliteStore({ path: ':memory:' });
    const remote = createLocalRemote({ store: hubStore, objects: createObjectStoreDouble(), clock, address: 'test:hub' });
    const machine = async (name: string) =>
      createTestMachine({
        name,
        seed: 'two',
        store: await createSqliteStore({ path: ':memory:' }),
        objects: createObjectStoreDouble(),
        clock,
      });
    const [depsA, depsB] = [await machine('a'), await machine('b')];
    const replicaA = await foundSpace(depsA, remote);
    await addMember(replicaA, remote, {
      machine: depsB.machine.key.machine,
      recipient: depsB.machine.recipient,
      role: 'writer',
      account: null,
      name: 'b',
    });
    a = new Home(replicaA);
    b = new Home(await followSpace(depsB, replicaA.space, remote));
    sync = async (home) => {
      expect((await home.sync(remote)).divergence).toBeNull();
    };
  });

  it('carries a file from one home to the other', async () => {
    await a.write('CLAUDE.md', 'be kind\n');
    await sync(a);
    await sync(b);
    expect(b.files).toEqual(a.files);
    await b.capture();
    expect(b.replica.drafts).toEqual([]);
  });

  it('carries large bodies in chunks', async () => {
    const body = Array.from({ length: 40_000 }, (_, i) => `line ${i} ${(i * 7919) % 10007}`).join('\n');
    await a.write('big.md', body);
    await sync(a);
    await sync(b);
    expect(b.files.get('big.md')).toBe(body);
  });

  it('merges edits made offline to different lines', async () => {
    await a.write('CLAUDE.md', 'one\ntwo\nthree\nfour\nfive\n');
    await sync(a);
    await sync(b);
    await a.write('CLAUDE.md', 'ONE\ntwo\nthree\nfour\nfive\n');
    await b.write('CLAUDE.md', 'one\ntwo\nthree\nfour\nFIVE\n');
    await sync(a);
    await sync(b);
    await sync(a);
    expect(a.files.get('CLAUDE.md')).toBe('ONE\ntwo\nthree\nfour\nFIVE\n');
    expect(b.files).toEqual(a.files);
  });

  it('keeps both sides of a true conflict', async () => {
    await a.write('CLAUDE.md', 'base\n');
    await sync(a);
    await sync(b);
    await a.write('CLAUDE.md', 'from a\n');
    await b.write('CLAUDE.md', 'from b\n');
    await sync(a);
    await sync(b);
    await sync(a);
    expect(a.files.get('CLAUDE.md')).toBe('from a\n');
    expect(b.files.get('CLAUDE.md')).toBe('from a\n');
    for (const home of [a, b]) {
      const [sibling] = await home.replica.siblings(textItem('CLAUDE.md'));
      expect(sibling?.content).toBeTruthy();
      const body = await home.replica.bodies.read(sibling?.content as Content);
      expect(Buffer.from(body).toString()).toBe('from b\n');
    }
  });

  it('lets an edit beat a deletion', async () => {
    await a.write('CLAUDE.md', 'base\n');
    await sync(a);
    await sync(b);
    a.files.delete('CLAUDE.md');
    await a.capture();
    await b.write('CLAUDE.md', 'edited\n');
    await sync(a);
    await sync(b);
    await sync(a);
    expect(a.files.get('CLAUDE.md')).toBe('edited\n');
    expect(b.files).toEqual(a.files);
  });

  it('carries a deletion', async () => {
    await a.write('CLAUDE.md', 'base\n');
    await sync(a);
    await sync(b);
    a.files.delete('CLAUDE.md');
    await a.capture();
    await sync(a);
    await sync(b);
    expect(b.files.size).toBe(0);
  });
});
