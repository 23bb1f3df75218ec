import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepParts } from './build.mjs';

let root;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'satchel-build-'));
  for (const folder of ['old', 'new']) await mkdir(path.join(root, folder));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const write = (file, text) => writeFile(path.join(root, file), text);

describe('a new build', () => {
  it('keeps the parts of earlier ones that a running node may load, for a month, and none of their other files', async () => {
    await write('old/main.js', 'old');
    await write('old/doctor-AAAA.js', 'of an older build');
    await write('old/doctor-AAAA.js.map', '{}');
    await write('old/ancient-BBBB.js', 'of a far older one');
    await utimes(path.join(root, 'old/ancient-BBBB.js'), 0, 0);
    await write('new/main.js', 'new');
    await keepParts(path.join(root, 'old'), path.join(root, 'new'));
    expect((await readdir(path.join(root, 'new'))).toSorted()).toEqual(['doctor-AAAA.js', 'main.js']);
    expect(await readFile(path.join(root, 'new/main.js'), 'utf8')).toBe('new');
    expect(await readFile(path.join(root, 'new/doctor-AAAA.js'), 'utf8')).toBe('of an older build');
  });

  it('is the first one where there is no other', async () => {
    await keepParts(path.join(root, 'none'), path.join(root, 'new'));
    expect(await readdir(path.join(root, 'new'))).toEqual([]);
  });
});
