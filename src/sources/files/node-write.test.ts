import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createNodeFiles } from './node-files.ts';

let afterRename: ((target: string) => void) | null = null;
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  const renameSync = (from: string, to: string): void => {
    real.renameSync(from, to);
    afterRename?.(to);
  };
  return { ...real, renameSync };
});

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'satchel-write-'));
});
afterEach(() => {
  afterRename = null;
  rmSync(root, { recursive: true });
});

const write = async (body: string) => {
  const files = createNodeFiles({ root, random: { bytes: (length) => new Uint8Array(length) } });
  const stat = files.stat('CLAUDE.md');
  return { files, put: await files.write('CLAUDE.md', Buffer.from(body), { expected: stat.ok ? stat.value : null }) };
};

it('has put a file in place that someone wrote into at once, and its stat shows that it changed', async () => {
  writeFileSync(path.join(root, 'CLAUDE.md'), 'old\n');
  afterRename = (target) => writeFileSync(target, 'theirs, made from ours\n');
  const { files, put } = await write('ours\n');
  expect(put).toMatchObject({ ok: true, value: { size: 5 } });
  expect(files.stat('CLAUDE.md')).toMatchObject({ ok: true, value: { size: 23 } });
});

it('does not say so where another file took its place at once', async () => {
  afterRename = (target) => {
    afterRename = null;
    writeFileSync(`${target}.theirs`, 'theirs\n');
    renameSync(`${target}.theirs`, target);
  };
  const { put } = await write('ours\n');
  expect(put).toMatchObject({ ok: false, error: { type: 'changed' } });
});
