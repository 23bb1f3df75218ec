import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { countInstalled, progressLine, sayAbove, showInstalling, wantedPackages } from './install-progress.mjs';

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
  expect(progressLine(3, 10, 12, 'packages')).toBe('3 of 10 packages, 12 s');
  expect(progressLine(10, 10, 40, 'packages')).toContain('compiling');
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

it('shares one line of a terminal between those that install at one time, and says nothing into it', async () => {
  const screen = createScreen();
  const stops = [
    showInstalling(root, ['node_modules/a'], { stderr: screen, every: 1 }),
    showInstalling(root, ['node_modules/b', 'node_modules/c'], { stderr: screen, every: 1, what: 'of the services' }),
  ];
  await screen.until((line) => /^ {2}0 of 1 packages, \d+ s; 0 of 2 of the services, \d+ s$/.test(line));
  sayAbove('Installing 7 others', screen);
  expect(screen.lines).toEqual(['Installing 7 others', expect.stringMatching(/^ {2}0 of 1 packages.*services/)]);
  await stops[0]();
  await screen.until((line) => /^ {2}0 of 2 of the services, \d+ s$/.test(line));
  await stops[1]();
  expect(screen.lines).toEqual(['Installing 7 others', '']);
});

/** What a terminal would show. */
function createScreen() {
  const lines = [''];
  let looks = () => undefined;
  return {
    isTTY: true,
    lines,
    write(text) {
      for (const part of text.split(/(\r|\n|\u001b\[K)/)) {
        if (part === '\n') lines.push('');
        else if (part === '\r') lines[lines.length - 1] = '';
        else if (part !== '\u001b[K') lines[lines.length - 1] += part;
      }
      looks();
    },
    until: (holds) =>
      new Promise((resolve) => {
        looks = () => holds(lines.at(-1)) && resolve();
      }),
  };
}
