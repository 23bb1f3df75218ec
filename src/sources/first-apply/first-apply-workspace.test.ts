import { describe, expect, it } from 'vitest';
import { createTestClock } from '../../../tests/contracts/test-clock.ts';
import { silent, testRules } from '../../../tests/sources/tree-home.ts';
import { createSpaceDouble } from '../../../tests/sources/workspace-double.ts';
import { createMemoryDisk, type MemoryEntry } from '../files/memory-disk.ts';
import { createMemoryFiles } from '../files/memory-files.ts';
import { createFileTreeSource } from '../file-tree/file-tree-source.ts';
import { createFirstApplyWorkspace, type FirstApply } from './first-apply-workspace.ts';

/** A folder with files of its own that joins a space. */
function joining(files: Readonly<Record<string, string>>) {
  const clock = createTestClock();
  const disk = createMemoryDisk({ now: () => clock.now() });
  const tree = createMemoryFiles({}, disk);
  const space = createSpaceDouble();
  let kept: FirstApply = 'new';
  const inner = space.workspace('home');
  const make = () => {
    const workspace = createFirstApplyWorkspace(inner, {
      read: () => Promise.resolve(kept),
      write: (state) => {
        kept = state;
        return Promise.resolve();
      },
    });
    return { workspace, source: createFileTreeSource({ files: tree, workspace, rules: testRules, clock, log: silent }) };
  };
  for (const [name, text] of Object.entries(files)) disk.write(name, Buffer.from(text));
  clock.advance(10_000);
  return { space, disk, make, text: (name: string): string | null => textOf(disk.get(name)), state: () => kept };
}

function textOf(entry: MemoryEntry | undefined): string | null {
  return entry?.type === 'file' ? Buffer.from(entry.body).toString() : null;
}

describe('the first apply', () => {
  it('goes on at once where it only adds', async () => {
    const { space, make, text, state } = joining({ mine: '1' });
    space.put('theirs', '2');
    const { source } = make();
    await source.apply();
    expect([text('mine'), text('theirs'), space.text('mine'), state()]).toEqual(['1', '2', '1', 'done']);
    space.put('mine', '3');
    await source.apply();
    expect(text('mine')).toBe('3');
  });

  it('waits where a file that stood here would change, across restarts, while captures go on', async () => {
    const { space, disk, make, text, state } = joining({ both: 'ours' });
    space.put('both', 'theirs');
    space.put('new', 'x');
    await make().source.apply();
    const { source, workspace } = make();
    disk.write('late', Buffer.from('y'));
    await source.scan();
    await source.apply();
    expect([text('both'), text('new'), space.text('late'), state()]).toEqual(['ours', null, 'y', 'waiting']);
    expect((await workspace.firstApply.preview()).map(({ item }) => item.name).toSorted()).toEqual(['both', 'new']);
    await workspace.firstApply.answer('rejected');
    await make().source.apply();
    expect(text('both')).toBe('ours');
    await workspace.firstApply.answer('done');
    await source.apply();
    expect([text('both'), text('new')]).toEqual(['theirs', 'x']);
  });
});
