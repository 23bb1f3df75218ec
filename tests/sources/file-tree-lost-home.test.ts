import { beforeEach, expect, it } from 'vitest';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import { reviveHome } from '../../src/core/replica/move-home.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createKindRegistry } from '../../src/kinds/registry.ts';
import { createFileTreeSource, type FileTreeSource } from '../../src/sources/file-tree/file-tree-source.ts';
import type { TreeRules } from '../../src/sources/file-tree/rules.ts';
import { createMemoryFiles, type MemoryFiles } from '../../src/sources/files/memory-files.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createSmallSpace, openHub, type SmallMachine, type SmallSpace } from '../replica/small-space.ts';
import { silent } from './tree-home.ts';

const kinds = createKindRegistry();
const rules: TreeRules = {
  classify: (name) => ({ kind: name.endsWith('.jsonl') ? 'transcript' : 'text' }),
  appends: (kind) => kinds.get(kind)?.appends === true,
  deletable: (kind) => kinds.get(kind)?.deletable === true,
  wholeLines: (kind) => kind === 'transcript',
};

/** Lines of a session, of which a machine that has the earlier ones fetches the last ones alone. */
const lines = (size: number): string[] => ['1', '2', '3'].map((uuid) => `{"uuid":"${uuid}","text":"${uuid.repeat(size)}"}\n`);

/** A machine of the space with a folder, and the process that carries it. */
class Folder {
  readonly machine: SmallMachine;
  readonly files: MemoryFiles;
  readonly #clock = createTestClock();
  source: FileTreeSource;

  constructor(machine: SmallMachine) {
    this.machine = machine;
    this.files = createMemoryFiles({ now: () => this.#clock.now() });
    this.source = this.#open();
  }

  #open(): FileTreeSource {
    const workspace = createReplicaWorkspace(this.machine.replica, { writer: 'tree', covers: () => true, scope: 'tree' });
    return createFileTreeSource({ files: this.files, workspace, rules, clock: this.#clock, log: silent, seen: workspace.kept });
  }

  restart(): void {
    this.source = this.#open();
  }

  async round(): Promise<void> {
    this.#clock.advance(10_000);
    await this.source.scan();
    await this.source.apply();
  }

  async sync(home: SmallSpace['hub']): Promise<void> {
    await this.round();
    expect(await syncWith(this.machine.replica, home)).toMatchObject({ divergence: null });
    await this.round();
  }

  write(name: string, text: string): void {
    this.files.disk.write(name, Buffer.from(text));
  }

  text(name: string): string | null {
    const entry = this.files.disk.get(name);
    return entry?.type === 'file' ? Buffer.from(entry.body).toString() : null;
  }
}

let space: SmallSpace;
let mover: Folder;
let author: Folder;

beforeEach(async () => {
  space = await createSmallSpace('lost-home');
  const machine = await space.machine('author');
  await space.invite(machine);
  await syncWith(machine.replica, space.hub);
  [mover, author] = [new Folder(space.owner), new Folder(machine)];
});

/** The hub is gone; the owner moves the space to a place of its own. */
async function gone(): Promise<SmallSpace['hub']> {
  const target = await openHub();
  for (const { machine } of [mover, author]) machine.replica.setRemote(target);
  await reviveHome(mover.machine.replica, target, 'the new one');
  return target;
}

it.each(['goes on', 'begins anew'])(
  'leaves in its place what no store has any more, and carries it from there: a process that %s',
  async (how) => {
    mover.write('CLAUDE.md', 'first\n');
    await mover.sync(space.hub);
    await author.sync(space.hub);
    author.write('CLAUDE.md', 'second\n');
    author.write('new.md', 'new\n');
    for (const folder of [author, mover]) await folder.sync(space.hub);
    await mover.round();
    const { deps, replica } = mover.machine;
    const states = await replica.list();
    const pieces = states.flatMap(({ content }) => content?.pieces ?? []);
    await deps.objects.delete(
      replica.space,
      pieces.map(({ object }) => object),
    );
    replica.bodies.forgetPlain();

    const home = await gone();
    if (how === 'begins anew') mover.restart();
    for (let round = 0; round < 3; round++) await mover.sync(home);
    expect([mover.text('CLAUDE.md'), mover.text('new.md')]).toEqual(['second\n', 'new\n']);
    for (const folder of [author, author, mover]) await folder.sync(home);
    for (const folder of [author, mover]) {
      expect([folder.text('CLAUDE.md'), folder.text('new.md')]).toEqual(['second\n', 'new\n']);
      expect(await folder.machine.replica.siblings()).toEqual([]);
      expect(await folder.machine.read({ kind: 'text', name: 'CLAUDE.md' })).toBe('second\n');
    }
  },
);

it.each([10, 30_000])(
  'keeps a session whole that stood on both machines before, of which it fetched the new end alone, in lines of %i bytes',
  async (size) => {
    const [whole, begun] = [lines(size).join(''), lines(size).slice(0, 2).join('')];
    for (const folder of [author, mover]) {
      folder.write('s.jsonl', begun);
      await folder.sync(space.hub);
    }
    author.write('s.jsonl', whole);
    await author.sync(space.hub);
    await mover.sync(space.hub);
    expect(mover.text('s.jsonl')).toBe(whole);
    const before = mover.files.disk.stat('s.jsonl')?.ino;

    const home = await gone();
    for (let round = 0; round < 3; round++) await mover.sync(home);
    expect(mover.text('s.jsonl')).toBe(whole);
    expect(mover.files.disk.stat('s.jsonl')?.ino).toBe(before);
    expect((await mover.machine.replica.list()).map(({ item }) => item.name)).toEqual(['s.jsonl']);
    expect(await mover.machine.read({ kind: 'transcript', name: 's.jsonl' })).toBe(whole);
    for (const folder of [author, author, mover]) await folder.sync(home);
    for (const folder of [author, mover]) {
      expect(folder.text('s.jsonl')).toBe(whole);
      expect((await folder.machine.replica.list()).map(({ item }) => item.name)).toEqual(['s.jsonl']);
      expect(await folder.machine.replica.siblings()).toEqual([]);
    }
  },
);
