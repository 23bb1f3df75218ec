import { beforeEach, describe, expect, it } from 'vitest';
import { createTreeHome, type TreeHome } from './tree-home.ts';
import { createSpaceDouble, type SpaceDouble } from './workspace-double.ts';

describe('what is gone from a file tree', () => {
  let space: SpaceDouble;
  let home: TreeHome;
  const fill = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) home.write(`f${index}`, `${index}`);
    await home.source.scan();
    home.settle();
  };
  const removeFirst = (count: number): void => {
    for (let index = 0; index < count; index += 1) home.disk.remove(`f${index}`);
  };
  beforeEach(() => {
    space = createSpaceDouble();
    home = createTreeHome(space);
  });

  it('captures nothing while the root is missing, and goes on when it is back', async () => {
    await fill(3);
    home.disk.dropRoot();
    expect((await home.source.scan()).state.type).toBe('root-missing');
    space.put('new', 'x');
    expect(await home.source.apply()).toMatchObject({ written: 0, state: { type: 'root-missing' } });
    expect(space.heads.size).toBe(4);
    home.disk.restoreRoot();
    expect((await home.source.scan(['f0'])).state.type).toBe('ok');
    expect(await home.source.apply()).toMatchObject({ written: 1 });
    expect(home.text('f0')).toBe('0');
  });

  it.each([true, false])('captures nothing from an empty folder in place of the root (restarted: %s)', async (restarted) => {
    await fill(3);
    home.disk.replaceRoot();
    if (restarted) home.restart();
    expect((await home.source.scan(restarted ? undefined : ['f0'])).state.type).toBe('root-missing');
    home.write('unrelated', '1');
    expect((await home.source.scan()).state.type).toBe('root-missing');
    expect(space.heads.size).toBe(3);
  });

  it('says so where it finds other files in place of all that it held', async () => {
    await fill(3);
    home.disk.replaceRoot();
    home.restart();
    home.write('unrelated', '1');
    const { state } = await home.source.scan();
    expect(state).toMatchObject({ type: 'root-missing', message: 'the folder holds other files, and none of what it held' });
    expect(space.heads.size).toBe(3);
  });

  it('believes the removal of the last file in a folder that it watched', async () => {
    await fill(1);
    home.disk.remove('f0');
    expect(await home.source.scan(['f0'])).toMatchObject({ changes: 1, state: { type: 'ok' } });
    expect(space.heads.size).toBe(0);
  });

  it('starts in a home that has no root yet', async () => {
    home.disk.dropRoot();
    home.disk.remove('');
    space.put('a/b', 'x');
    expect(await home.source.apply()).toMatchObject({ written: 1, state: { type: 'ok' } });
    expect(home.text('a/b')).toBe('x');
    expect(await home.source.scan(['a/b'])).toMatchObject({ changes: 0, state: { type: 'ok' } });
  });

  it('holds back more than half of a group, however much else there is', async () => {
    await fill(100);
    for (let index = 0; index < 40; index += 1) home.write(`group/${index}`, 'x');
    await home.source.scan();
    home.settle();
    for (let index = 0; index < 20; index += 1) home.disk.remove(`group/${index}`);
    expect(await home.source.scan(['group'])).toMatchObject({ changes: 20, state: { type: 'ok' } });
    for (let index = 20; index < 23; index += 1) home.disk.remove(`group/${index}`);
    const { state } = await home.source.scan(['group']);
    expect(state).toMatchObject({ type: 'mass-deletion', names: ['group/20', 'group/21', 'group/22'] });
    await home.source.answerDeletions('restore');
    expect(home.text('group/20')).toBe('x');
    removeFirst(30);
    expect(await home.source.scan()).toMatchObject({ changes: 30, state: { type: 'ok' } });
  });

  it('holds back a mass deletion, and lets everything else through', async () => {
    await fill(40);
    removeFirst(21);
    home.write('f30', 'edited');
    const report = await home.source.scan();
    expect(report).toMatchObject({ changes: 1, state: { type: 'mass-deletion' } });
    expect(space.heads.size).toBe(40);
    space.put('f0', 'theirs');
    space.put('f31', 'theirs');
    expect(await home.source.apply()).toMatchObject({ written: 1, waiting: [{ name: 'f0' }] });
    for (let index = 100; index < 200; index += 1) home.write(`g${index}`, '');
    expect((await home.source.scan()).state).toMatchObject({ type: 'mass-deletion' });
    expect(space.heads.size).toBe(140);
  });

  it('deletes when that is confirmed', async () => {
    await fill(40);
    removeFirst(30);
    await home.source.scan();
    expect(await home.source.answerDeletions('delete')).toMatchObject({ changes: 30, state: { type: 'ok' } });
    expect(space.heads.size).toBe(10);
  });

  it('restores when that is wished', async () => {
    await fill(40);
    removeFirst(30);
    await home.source.scan();
    expect(await home.source.answerDeletions('restore')).toMatchObject({ changes: 0, state: { type: 'ok' } });
    expect([home.text('f0'), space.heads.size]).toEqual(['0', 40]);
    expect(await home.source.apply()).toMatchObject({ written: 0, waiting: [] });
    expect(await home.source.scan()).toMatchObject({ changes: 0 });
  });

  it('restores what was shown, and then what others made of it', async () => {
    await fill(40);
    removeFirst(30);
    await home.source.scan();
    space.put('f3', 'newer');
    await home.source.answerDeletions('restore');
    expect(home.text('f3')).toBe('3');
    expect(await home.source.apply()).toMatchObject({ written: 1 });
    expect(home.text('f3')).toBe('newer');
    expect(await home.source.scan()).toMatchObject({ changes: 0 });
  });

  it('shows nothing of what was forgotten before it was restored, and then what others made of it', async () => {
    await fill(40);
    removeFirst(30);
    await home.source.scan();
    const forgotten = space.heads.get('text\0f3')?.content.digest ?? '';
    space.put('f3', 'newer');
    space.erased.add(forgotten);
    await home.source.answerDeletions('restore');
    expect(home.text('f4')).toBe('4');
    await home.source.apply();
    expect(home.text('f3')).toBe('newer');
    expect(await home.source.scan()).toMatchObject({ changes: 0 });
  });

  it('answers for an emptied root too', async () => {
    await fill(30);
    home.disk.replaceRoot();
    await home.source.scan();
    expect(await home.source.answerDeletions('restore')).toMatchObject({ changes: 0, state: { type: 'ok' } });
    expect([home.text('f0'), home.text('f29')]).toEqual(['0', '29']);
    home.disk.dropRoot();
    await home.source.scan();
    expect(await home.source.answerDeletions('delete')).toMatchObject({ changes: 30 });
    expect(space.heads.size).toBe(0);
  });

  it('restores nothing where the disk takes its name for another: that waits until the name is free', async () => {
    home = createTreeHome(space, { foldsCase: true });
    await fill(1);
    home.disk.remove('f0');
    home.restart();
    home.write('F0', 'mine');
    expect(await home.source.scan()).toMatchObject({ state: { type: 'root-missing' } });
    await home.source.answerDeletions('restore');
    expect([home.disk.paths(), home.text('F0')]).toEqual([['F0'], 'mine']);
    const view = [...(await home.workspace.views()).values()].find(({ item }) => item.name === 'f0');
    expect(view).toMatchObject({ notHere: 'the disk takes its name for that of "F0"', intended: null });
    home.disk.remove('F0');
    home.write('x', '');
    await home.source.scan();
    await home.source.apply();
    expect(home.text('f0')).toBe('0');
  });

  it('forgets a mass deletion when the files are back', async () => {
    await fill(40);
    const bodies = Array.from({ length: 30 }, (_, index) => `${index}`);
    removeFirst(30);
    await home.source.scan();
    for (const [index, body] of bodies.entries()) home.write(`f${index}`, body);
    expect(await home.source.scan()).toMatchObject({ changes: 0, state: { type: 'ok' } });
  });

  it('adds up deletions that arrive in small portions', async () => {
    await fill(40);
    for (let index = 0; index < 40; index += 5) {
      for (let next = index; next < index + 5; next += 1) home.disk.remove(`f${next}`);
      await home.source.scan(Array.from({ length: 5 }, (_, next) => `f${index + next}`));
    }
    expect(home.source.state().type).toBe('mass-deletion');
    expect(space.heads.size).toBeGreaterThanOrEqual(19);
  });

  it('does not take its own interrupted removals for the user’s', async () => {
    await fill(40);
    for (let index = 0; index < 40; index += 1) space.remove(`f${index}`);
    home.workspace.crash = (call) => {
      if (call === 'applied') throw new Error('crash');
    };
    await expect(home.source.apply()).rejects.toThrow('crash');
    home.workspace.crash = null;
    home.restart();
    expect(await home.source.scan()).toMatchObject({ changes: 0, state: { type: 'ok' } });
    expect(await home.source.apply()).toMatchObject({ written: 0, removed: 0 });
  });
});
