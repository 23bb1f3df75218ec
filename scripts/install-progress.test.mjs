import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { countInstalled, progressLine, showInstalling, wantedPackages } from './install-progress.mjs';

let root;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'satchel-install-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

it('counts the packages that are there of those that are wanted on this platform', async () => {
  const wanted = wantedPackages({ packages: { '': {}, 'node_modules/a': {}, 'node_modules/b': {}, 'node_modules/c': { optional: true } } });
  expect(wanted).toEqual(['node_modules/a', 'node_modules/b']);
  await mkdir(path.join(root, 'node_modules/a'), { recursive: true });
  expect(await countInstalled(root, wanted)).toBe(0);
  await writeFile(path.join(root, 'node_modules/a/package.json'), '{}');
  expect(await countInstalled(root, wanted)).toBe(1);
});

it('says how far it is, and takes that away at the end on a terminal', async () => {
  expect(progressLine(3, 10, 12)).toBe('  3 of 10 packages, 12 s');
  expect(progressLine(10, 10, 40)).toContain('compiling');
  let shown = '';
  let isSeen = () => undefined;
  const seen = new Promise((resolve) => (isSeen = resolve));
  const stderr = {
    isTTY: true,
    write(text) {
      shown += text;
      isSeen();
    },
  };
  const stop = showInstalling(root, ['node_modules/a'], { stderr, every: 1 });
  await seen;
  await stop();
  expect(shown).toMatch(/^\r {2}0 of 1 packages, 0 s/);
  expect(shown.endsWith('\r\u001b[K')).toBe(true);
});
