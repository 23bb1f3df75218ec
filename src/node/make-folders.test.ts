import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolders } from './make-folders.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'satchel-folders-'));
});
afterEach(() => rm(root, { recursive: true }));

describe('makeFolders', () => {
  it('makes what is missing, for this user alone, and says whether it was', async () => {
    const folder = path.join(root, 'a', 'b', 'c');
    expect(await makeFolders(folder)).toBe(true);
    expect(await makeFolders(folder)).toBe(false);
    expect((await stat(path.join(root, 'a'))).mode & 0o777).toBe(0o700);
  });

  it('throws where a file is in the way', async () => {
    await writeFile(path.join(root, 'file'), '');
    await expect(makeFolders(path.join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolders(path.join(root, 'file', 'a'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.runIf(existsSync('/proc/self'))('throws where nothing can be made in a folder that is there', async () => {
    await expect(makeFolders('/proc/satchel')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(makeFolders('/proc/satchel/a')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
