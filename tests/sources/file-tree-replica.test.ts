import { beforeEach, describe, expect, it } from 'vitest';
import { addMember } from '../../src/core/replica/administer.ts';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import type { Replica } from '../../src/core/replica/replica.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createKindRegistry } from '../../src/kinds/registry.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createFileTreeSource, type FileTreeSource } from '../../src/sources/file-tree/file-tree-source.ts';
import type { TreeRules } from '../../src/sources/file-tree/rules.ts';
import { createMemoryFiles, type MemoryFiles, type MemoryFilesOptions } from '../../src/sources/files/memory-files.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createTestMachine, followSpace, foundSpace } from '../doubles/machine.ts';
import { silent } from './tree-home.ts';

const kinds = createKindRegistry();
const rules: TreeRules = {
  classify: (name) => ({ kind: name.endsWith('.jsonl') ? 'transcript' : 'text' }),
  appends: (kind) => kinds.get(kind)?.appends === true,
  deletable: (kind) => kinds.get(kind)?.deletable === true,
  wholeLines: (kind) => kind === 'transcript',
};

interface Machine {
  readonly replica: Replica;
  readonly files: MemoryFiles;
  source: FileTreeSource;
  restart(): void;
}

describe('file trees on two replicas and a hub', () => {
  let a: Machine;
  let b: Machine;
  let sync: (machine: Machine) => Promise<void>;

  const start = async (optionsOfB: MemoryFilesOptions = {}): Promise<void> => {
    const clock = createTestClock();
    const remote = createLocalRemote({
      store: await createSqliteStore({ path: ':memory:' }),
      objects: createObjectStoreDouble(),
      clock,
      address: 'test:hub',
    });
    const machine = async (name: string) =>
      createTestMachine({
        name,
        seed: 'tree',
        store: await createSqliteStore({ path: ':memory:' }),
        objects: createObjectStoreDouble(),
        clock,
      });
    const on = (replica: Replica, options: MemoryFilesOptions): Machine => {
      const files = createMemoryFiles({ ...options, now: () => clock.now() });
      const open = (): FileTreeSource => {
        const workspace = createReplicaWorkspace(replica, { writer: 'tree', covers: () => true });
        return createFileTreeSource({ files, workspace, rules, clock, log: silent, seen: workspace.kept });
      };
      const made: Machine = { replica, files, source: open(), restart: () => void (made.source = open()) };
      return made;
    };
    const [depsA, depsB] = [await machine('a'), await machine('b')];
    const replicaA = await foundSpace(depsA, remote);
    const { key, recipient } = depsB.machine;
    await addMember(replicaA, remote, { machine: key.machine, recipient, role: 'writer', account: null, name: 'b' });
    a = on(replicaA, {});
    b = on(await followSpace(depsB, replicaA.space, remote), optionsOfB);
    sync = async ({ replica, source }) => {
      clock.advance(10_000);
      await source.scan();
      await syncWith(replica, remote);
      await source.apply();
      expect(await source.scan()).toMatchObject({ changes: 0 });
    };
  };
  beforeEach(() => start());

  const write = (machine: Machine, path: string, text: string): void => machine.files.disk.write(path, Buffer.from(text));
  const text = (machine: Machine, path: string): string | null => {
    const entry = machine.files.disk.get(path);
    return entry?.type === 'file' ? Buffer.from(entry.body).toString() : null;
  };

  it('carries files both ways, merges edits, and extends transcripts in place', async () => {
    write(a, 'CLAUDE.md', 'one\ntwo\nthree\nfour\nfive\n');
    write(a, 's.jsonl', '{"uuid":"1"}\n');
    await sync(a);
    await sync(b);
    const before = b.files.disk.stat('s.jsonl')?.ino;
    write(a, 'CLAUDE.md', 'ONE\ntwo\nthree\nfour\nfive\n');
    write(b, 'CLAUDE.md', 'one\ntwo\nthree\nfour\nFIVE\n');
    a.files.disk.append('s.jsonl', Buffer.from('{"uuid":"2"}\n{"uu'));
    for (const machine of [a, b, a]) await sync(machine);
    expect([text(a, 'CLAUDE.md'), text(b, 'CLAUDE.md')]).toEqual(Array.from({ length: 2 }, () => 'ONE\ntwo\nthree\nfour\nFIVE\n'));
    expect(text(b, 's.jsonl')).toBe('{"uuid":"1"}\n{"uuid":"2"}\n');
    expect(b.files.disk.stat('s.jsonl')?.ino).toBe(before);
  });

  it('a transcript that was gone and came back as it was goes on with what others wrote', async () => {
    write(a, 's.jsonl', '{"uuid":"1"}\n');
    await sync(a);
    await sync(b);
    b.files.disk.remove('s.jsonl');
    await sync(b);
    a.files.disk.append('s.jsonl', Buffer.from('{"uuid":"2"}\n'));
    await sync(a);
    await sync(b);
    expect(text(b, 's.jsonl')).toBeNull();
    write(b, 's.jsonl', '{"uuid":"1"}\n');
    await sync(b);
    expect(text(b, 's.jsonl')).toBe('{"uuid":"1"}\n{"uuid":"2"}\n');
  });

  it('joins an existing home without a base: both stay', async () => {
    write(a, 'CLAUDE.md', 'mine');
    write(b, 'CLAUDE.md', 'theirs');
    write(b, 'only-b', 'b');
    for (const machine of [a, b, a]) await sync(machine);
    expect(text(a, 'only-b')).toBe('b');
    expect(text(a, 'CLAUDE.md')).toBe(text(b, 'CLAUDE.md'));
  });

  it('brings files back whose mass deletion was not meant', async () => {
    for (let index = 0; index < 30; index += 1) write(a, `f${index}`, `${index}`);
    await sync(a);
    await sync(b);
    for (let index = 0; index < 25; index += 1) b.files.disk.remove(`f${index}`);
    await b.source.scan();
    await b.source.apply();
    expect(await b.source.answerDeletions('restore')).toMatchObject({ changes: 0, state: { type: 'ok' } });
    expect(text(b, 'f3')).toBe('3');
  });

  it('a name that the disk folds into another comes when that one is gone, at the latest after a restart', async () => {
    await start({ foldsCase: true });
    write(a, 'README', '1');
    write(a, 'Readme', '2');
    await sync(a);
    await sync(b);
    expect(b.files.disk.paths()).toEqual(['README']);
    a.files.disk.remove('README');
    await sync(a);
    await sync(b);
    b.restart();
    await sync(b);
    expect([b.files.disk.paths(), text(b, 'Readme')]).toEqual([['Readme'], '2']);
  });
});
