import { beforeEach, describe, expect, it } from 'vitest';
import type { FileTreeSource } from '../../src/sources/file-tree/file-tree-source.ts';
import { createTreeHome, type TreeHome } from './tree-home.ts';
import { createSpaceDouble, type SpaceDouble } from './workspace-double.ts';

describe('a tree that looks as it did when all of it was what the views show', () => {
  let space: SpaceDouble;
  let home: TreeHome;

  /** In a new process. Whether it needed the views. */
  const looks = async (): Promise<[scan: Awaited<ReturnType<FileTreeSource['scan']>>, looked: boolean]> => {
    home.restart();
    const before = home.workspace.looks;
    const scan = await home.source.scan();
    return [scan, home.workspace.looks > before];
  };

  beforeEach(async () => {
    space = createSpaceDouble();
    home = createTreeHome(space);
    for (let index = 0; index < 5; index += 1) home.write(`d/${index}`, `${index}`);
    home.write('log.jsonl', '{}\n');
    home.settle();
    await home.source.scan();
    await home.source.scan();
  });

  it('is not compared again, in this process and the next', async () => {
    const before = home.workspace.looks;
    expect(await home.source.scan()).toMatchObject({ changes: 0, skipped: [], state: { type: 'ok' } });
    expect(home.workspace.looks).toBe(before);
    expect(await looks()).toMatchObject([{ changes: 0 }, false]);
    home.write('local/any', 'what is not carried does not count');
    await looks();
    home.write('local/any', 'nor does how it looks');
    expect(await looks()).toMatchObject([{ changes: 0 }, false]);
  });

  it('is not compared again after a round that captured all that was new', async () => {
    home.write('d/1', 'edited');
    home.write('new', 'file');
    home.disk.append('log.jsonl', Buffer.from('{}\n'));
    home.settle();
    expect(await looks()).toMatchObject([{ changes: 3 }, true]);
    expect(await looks()).toMatchObject([{ changes: 0 }, false]);
    expect([space.text('d/1'), space.text('new')]).toEqual(['edited', 'file']);
  });

  it.each([{}, { foldsCase: true }, { foldsUnicode: true }, { foldsCase: true, foldsUnicode: true }])(
    'is on a disk of which the next process knows how it takes names without writing to it: %j',
    async (options) => {
      const other = createTreeHome(createSpaceDouble(), options);
      other.write('d/Caf\u00e9', 'mine');
      other.settle();
      for (let round = 0; round < 2; round += 1) await other.source.scan();
      other.restart();
      let asked = 0;
      const folds = other.files.folds.bind(other.files);
      other.files.folds = () => {
        asked += 1;
        return folds();
      };
      const before = other.workspace.looks;
      await other.source.scan();
      expect([other.workspace.looks - before, asked]).toEqual([0, 0]);
      other.write('new', 'file');
      await other.source.scan();
      expect(asked).toBe(0);
    },
  );

  it('keeps a name that its disk takes for another, in the next process too', async () => {
    home = createTreeHome(space, { foldsCase: true });
    await home.source.scan();
    await home.source.apply();
    home.settle();
    home.restart();
    await home.source.scan();
    home.settle();
    await looks();
    expect(await looks()).toMatchObject([{ changes: 0 }, false]);
    space.put('D/1', 'theirs');
    expect((await home.source.apply()).notHere).toMatchObject([{ name: 'D/1' }]);
    expect(home.text('d/1')).toBe('1');
  });

  it('is compared after a round in which a file went on changing, or was not noted', async () => {
    home.write('d/1', 'edited');
    home.settle();
    home.options = {
      onRead() {
        home.options = {};
        home.write('d/1', 'again!');
        home.settle();
      },
    };
    expect(await looks()).toMatchObject([{}, true]);
    expect(await looks()).toMatchObject([{}, true]);
    home.settle();
    await looks();
    expect((await looks())[1]).toBe(false);

    home.write('d/2', 'edited');
    home.settle();
    home.restart();
    const capture = home.workspace.capture.bind(home.workspace);
    home.workspace.capture = async (found, note) => ({ ...(await capture(found, note)), noted: 0 });
    await home.source.scan();
    expect((await looks())[1]).toBe(true);
  });

  it.each<[string, (home: TreeHome) => void, number]>([
    ['an edit', (h) => h.write('d/1', 'other'), 1],
    ['an edit of the same size', (h) => h.write('d/1', '2'), 1],
    ['another mode', (h) => h.write('d/1', '1', 0o755), 1],
    ['a new file', (h) => h.write('e', 'new'), 1],
    ['a removed file', ({ disk }) => disk.remove('d/1'), 1],
    ['a new name', ({ disk }) => disk.rename('d/1', 'd/x'), 2],
    [
      'two that changed places',
      ({ disk }) => ['d/1 tmp', 'd/2 d/1', 'tmp d/2'].forEach((move) => disk.rename(...(move.split(' ') as [string, string]))),
      2,
    ],
    ['a grown file', ({ disk }) => disk.append('log.jsonl', Buffer.from('{}\n')), 1],
  ])('is compared after %s', async (_, edit, changes) => {
    edit(home);
    expect(await looks()).toMatchObject([{ changes }, true]);
  });

  it('is compared after a view was written, until nothing is new again', async () => {
    space.put('d/1', 'from elsewhere');
    await home.source.apply();
    home.settle();
    expect(await looks()).toMatchObject([{ changes: 0 }, true]);
    expect((await looks())[1]).toBe(false);
  });

  it.each<[string, (home: TreeHome) => void, object]>([
    ['is skipped', ({ disk }) => disk.link('out', '/etc/passwd'), { skipped: [{ name: 'out' }] }],
    ['has an unfinished line', ({ disk }) => disk.append('log.jsonl', Buffer.from('{"a')), { torn: ['log.jsonl'] }],
    ['was written a moment ago', (h) => h.write('d/1', 'x'), {}],
  ])('is compared each time where something %s', async (_, edit, report) => {
    edit(home);
    await home.source.scan();
    for (let round = 0; round < 3; round += 1) expect(await looks()).toMatchObject([report, true]);
  });

  it('is compared where its files wait for an answer', async () => {
    for (let index = 0; index < 40; index += 1) home.write(`many/${index}`, `${index}`);
    home.settle();
    for (let round = 0; round < 2; round += 1) await home.source.scan();
    expect((await looks())[1]).toBe(false);
    for (let index = 0; index < 40; index += 1) home.disk.remove(`many/${index}`);
    for (let round = 0; round < 3; round += 1)
      expect(await looks()).toMatchObject([{ changes: 0, state: { type: 'mass-deletion' } }, true]);
    for (let index = 0; index < 40; index += 1) home.write(`many/${index}`, `${index}`);
    home.settle();
    for (let round = 0; round < 2; round += 1) expect((await home.source.scan()).state).toEqual({ type: 'ok' });
  });
});
