import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileTree } from '../../core/ports/files.ts';
import { createNodeFiles } from './node-files.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'satchel-root-'));
});
afterEach(() => rmSync(base, { recursive: true }));
const filesAt = (root: string): FileTree => createNodeFiles({ root, random: { bytes: (length) => randomBytes(length) } });

describe('the root of a tree', () => {
  it('is made with what is missing above it, for this user alone', async () => {
    expect((await filesAt(join(base, 'a', 'b')).makeFolder('c')).ok).toBe(true);
    for (const folder of ['a', 'a/b', 'a/b/c']) expect(statSync(join(base, folder)).mode & 0o777).toBe(0o700);
  });

  it('is refused where a file is in the way', async () => {
    writeFileSync(join(base, 'file'), '');
    for (const root of ['file', 'file/a']) expect((await filesAt(join(base, root)).makeFolder('c')).ok).toBe(false);
  });

  it.runIf(existsSync('/proc/self'))('is refused at once where nothing can be made in a folder that is there', async () => {
    for (const root of ['/proc/satchel', '/proc/satchel/a']) expect((await filesAt(root).makeFolder('c')).ok).toBe(false);
  });
});
