import { describe, expect, it } from 'vitest';
import { projectFolder } from './project-folder.ts';

describe('the folder of a project', () => {
  it.each([
    ['/home/a/work/x', '-home-a-work-x'],
    ['/Users/b/x', '-Users-b-x'],
    ['/home/a/my app (2)/x_y.z', '-home-a-my-app--2--x-y-z'],
    ['C:\\Users\\b\\x', 'C--Users-b-x'],
    // One dash a UTF-16 unit, whatever the form: an accent of its own counts too.
    ['/home/é', '-home--'],
    ['/home/é'.normalize('NFD'), '-home-e-'],
    ['/home/🍐', '-home---'],
    ['/', '-'],
  ])('%s → %s', (path, folder) => {
    expect(projectFolder(path)).toBe(folder);
  });

  it('is cut at 200 characters, with a hash of the whole path', () => {
    const exact = `/${'a'.repeat(199)}`;
    expect(projectFolder(exact)).toBe(`-${'a'.repeat(199)}`);
    expect(projectFolder(`${exact}b`)).toBe(`-${'a'.repeat(199)}-b6ymvk`);
    expect(projectFolder(`${exact}b`)).not.toBe(projectFolder(`${exact}c`));
  });
});
