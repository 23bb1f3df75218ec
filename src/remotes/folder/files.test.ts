import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unless } from './errors.ts';
import { createFolderFiles, type FolderFiles } from './files.ts';

let folder: string;
let files: FolderFiles;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'satchel-files-'));
  await mkdir(join(folder, 'tmp'));
  files = createFolderFiles(join(folder, 'tmp'), { bytes: (length) => randomBytes(length) });
});

afterEach(() => rm(folder, { recursive: true }));

describe('publish', () => {
  it('shows a file whole or not at all', async () => {
    const size = 8 * 1024 * 1024;
    const sizes = new Set<number>();
    for (let turn = 0; turn < 5; turn += 1) {
      const path = join(folder, 'x', `${turn}`);
      const done = new AbortController();
      const publishing = files.publish(path, Buffer.alloc(size, 1)).then(() => done.abort());
      do {
        const found = await stat(path).catch(unless('ENOENT'));
        if (found !== undefined) sizes.add(found.size);
      } while (!done.signal.aborted);
      await publishing;
    }
    expect([...sizes]).toEqual([size]);
  });

  it('lets one of many at once win, and leaves no drafts', async () => {
    const path = join(folder, 'x', 'name');
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, racer) => files.publish(path, Buffer.from(`${racer}`))));
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
  });

  it('makes its directory again where someone removed it, but not the parent', async () => {
    const path = join(folder, 'x', 'name');
    await files.publish(path, Buffer.from('1'));
    await rm(join(folder, 'x'), { recursive: true });
    expect(await files.publish(path, Buffer.from('2'))).toBe(true);
    await expect(files.publish(join(folder, 'y', 'z', 'name'), Buffer.from('3'))).rejects.toThrow('ENOENT');
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
  });
});

describe('discard', () => {
  it('takes files and folders away, and does not mind missing ones', async () => {
    await mkdir(join(folder, 'x'));
    await writeFile(join(folder, 'x', 'name'), '');
    await files.discard(join(folder, 'x'));
    await files.discard(join(folder, 'x'));
    expect(await readdir(folder)).toEqual(['tmp']);
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
  });
});
