import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runHere } from '../e2e/run-here.ts';
import { Place } from './place.ts';

let place: Place;
let there: string;
beforeEach(async () => {
  place = await Place.create();
  await place.start('ana', { live: false });
  await place.stop('ana');
  there = path.join(place.root, 'there');
  await mkdir(there);
});
afterEach(() => place.dispose());

async function refused(address: string): Promise<{ readonly message: string; readonly next: string; readonly exit: number }> {
  const { stdout } = await runHere(['remotes', 'add', address, '--json'], place.home('ana'), '', { PATH: process.env['PATH'] });
  const known = await runHere(['remotes', '--json'], place.home('ana'));
  expect(JSON.parse(known.stdout)).toEqual({ remotes: [] });
  return (JSON.parse(stdout) as { error: { message: string; next: string; exit: number } }).error;
}

describe('satchel remotes add says what to do about a folder', () => {
  it('that a cloud client synchronises', async () => {
    await writeFile(path.join(there, '.stfolder'), '');
    expect(await refused(there)).toMatchObject({
      exit: 1,
      message: expect.stringContaining('Syncthing'),
      next: expect.stringMatching(/^Choose another folder/),
    });
  });

  it('that it may not read', async () => {
    await writeFile(path.join(there, 'satchel-folder.json'), 'x');
    await chmod(path.join(there, 'satchel-folder.json'), 0);
    const isRoot = process.getuid?.() === 0; // who reads it all the same
    expect(await refused(there)).toMatchObject({
      exit: isRoot ? 1 : 5,
      next: expect.stringMatching(isRoot ? /^Bring back/ : /^Let this user/),
    });
  });

  it('whose marker is damaged, or of a later version', async () => {
    for (const marker of ['x', '{"format":"satchel-folder","version":2}']) {
      await writeFile(path.join(there, 'satchel-folder.json'), marker);
      expect(await refused(there)).toMatchObject({
        exit: 1,
        next: expect.stringMatching(/^Bring back[^]*update[^]*choose another folder/),
      });
    }
  });
});

describe('satchel remotes add says what to do about a git repository', () => {
  const git = (...args: readonly string[]): unknown => execFileSync('git', ['-C', there, ...args], { stdio: 'pipe' });

  it('that takes nothing', async () => {
    git('init', '--bare', '-q');
    git('config', 'receive.maxInputSize', '1');
    expect(await refused(`git+file://${there}`)).toMatchObject({
      exit: 5,
      message: expect.stringContaining('does not take so much'),
      next: expect.stringMatching(/below satchel\//),
    });
  });

  it('of another format', async () => {
    git('init', '-q');
    git('-c', 'user.name=a', '-c', 'user.email=a@example.org', 'commit', '-q', '--allow-empty', '-m', 'x');
    git('branch', 'satchel/v9');
    expect(await refused(`git+file://${there}`)).toMatchObject({ exit: 1, next: expect.stringMatching(/^Choose another repository/) });
  });
});
