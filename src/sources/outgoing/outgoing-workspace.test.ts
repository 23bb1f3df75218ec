import { beforeEach, describe, expect, it } from 'vitest';
import { createTestClock } from '../../../tests/contracts/test-clock.ts';
import { silent, testRules } from '../../../tests/sources/tree-home.ts';
import { createSpaceDouble, type SpaceDouble } from '../../../tests/sources/workspace-double.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { createMemoryDisk, type MemoryDisk } from '../files/memory-disk.ts';
import { createMemoryFiles } from '../files/memory-files.ts';
import { createFileTreeSource, type FileTreeSource } from '../file-tree/file-tree-source.ts';
import { createOutgoingWorkspace, type OutgoingWorkspace } from './outgoing-workspace.ts';

const TOKEN = 'ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8';
const OTHER = 'glpat-A1b2C3d4E5f6G7h8I9j0';

describe('towards a space that others can read', () => {
  let space: SpaceDouble;
  let disk: MemoryDisk;
  let workspace: OutgoingWorkspace;
  let source: FileTreeSource;
  let isShared: boolean;
  const allowed = new Map<string, Set<string>>();

  beforeEach(() => {
    const clock = createTestClock();
    space = createSpaceDouble();
    disk = createMemoryDisk({ now: () => clock.now() });
    isShared = true;
    allowed.clear();
    workspace = createOutgoingWorkspace(space.workspace('home'), {
      isShared: () => isShared,
      digest: (hash) => sha256Hex('key', hash),
      answers: {
        allowed: (item) => Promise.resolve(allowed.get(item.name) ?? new Set()),
        allow(item, secrets) {
          allowed.set(item.name, new Set([...(allowed.get(item.name) ?? []), ...secrets]));
          return Promise.resolve();
        },
      },
    });
    source = createFileTreeSource({ files: createMemoryFiles({}, disk), workspace, rules: testRules, clock, log: silent });
  });

  const write = async (name: string, text: string): Promise<void> => {
    disk.write(name, Buffer.from(text));
    await source.scan();
  };

  it('a file with a secret is not captured, nothing of it is shown, and everything else goes on', async () => {
    await write('notes', `one\nthe token is ${TOKEN}\n`);
    await write('fine', 'nothing\n');
    expect([space.text('notes'), space.text('fine')]).toEqual([undefined, 'nothing\n']);
    expect(workspace.held()).toMatchObject([{ item: { name: 'notes' }, found: [{ what: 'GitHub token', line: 2 }] }]);
    expect(JSON.stringify(workspace.held())).not.toContain(TOKEN.slice(4, 14));
    expect((await source.scan()).skipped).toMatchObject([{ name: 'notes', reason: expect.stringContaining('satchel pending') as unknown }]);
    await write('notes', 'one\nthe token is elsewhere\n');
    expect([space.text('notes'), workspace.held()]).toEqual(['one\nthe token is elsewhere\n', []]);
  });

  it('what was allowed leaves, and goes on leaving with other changes; another secret is asked for', async () => {
    await write('notes', `${TOKEN}\n`);
    const [held] = workspace.held();
    if (held === undefined) throw new Error('nothing is held');
    await workspace.allow(held);
    await source.offerAgain();
    expect(space.text('notes')).toBe(`${TOKEN}\n`);
    await write('notes', `${TOKEN}\nmore\n`);
    expect(space.text('notes')).toBe(`${TOKEN}\nmore\n`);
    await write('notes', `${TOKEN}\n${OTHER}\n`);
    expect(workspace.held()).toMatchObject([{ found: [{ what: 'GitLab token', line: 2 }] }]);
    await write('other', `${TOKEN}\n`);
    expect(workspace.held().map(({ item }) => item.name)).toEqual(['notes', 'other']);
  });

  it('what others wrote is no news, nor is a line added to it', async () => {
    space.put('theirs', `${TOKEN}\n`);
    await source.apply();
    await write('theirs', `${TOKEN}\nours\n`);
    expect([space.text('theirs'), workspace.held()]).toEqual([`${TOKEN}\nours\n`, []]);
  });

  it('growing files are looked at too', async () => {
    await write('log.jsonl', '{"a":1}\n');
    await write('log.jsonl', `{"a":1}\n{"b":"${TOKEN}"}\n`);
    expect([space.text('log.jsonl', 'lines'), workspace.held().length]).toEqual(['{"a":1}\n', 1]);
  });

  it('nothing is asked where nobody else can read it', async () => {
    isShared = false;
    await write('notes', `${TOKEN}\n`);
    expect(space.text('notes')).toBe(`${TOKEN}\n`);
  });
});
