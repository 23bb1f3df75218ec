import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oneAtATime } from './one-at-a-time.mjs';
import { isRunning, processIdentity } from './process-identity.mjs';

let folder;
beforeEach(async () => {
  folder = path.join(await mkdtemp(path.join(tmpdir(), 'satchel-lock-')), 'lock');
});
afterEach(() => rm(path.dirname(folder), { recursive: true, force: true }));

const notWaiting = { onWait: (pid) => expect.fail(`waits for ${pid}`) };

describe('one at a time', () => {
  it('lets no two work at once, also where all find a dead holder, and keeps one small file', async () => {
    await mkdir(folder);
    await writeFile(path.join(folder, '7'), '1 of-another-boot 1');
    await writeFile(path.join(folder, 'draft-of-a-killed-one'), '');
    let working = 0;
    const done = [];
    const work = (n) => async () => {
      expect(++working).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      working--;
      done.push(n);
    };
    await Promise.all([1, 2, 3, 4, 5].map((n) => oneAtATime(folder, work(n))));
    expect(done.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
    expect(await readdir(folder)).toEqual(['12']);
    expect(await readFile(path.join(folder, '12'), 'utf8')).toBe('free');
  });

  it('is free again where the work failed, and where the folder was taken away meanwhile', async () => {
    await expect(oneAtATime(folder, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await oneAtATime(folder, () => rm(folder, { recursive: true }).then(() => 'done'), notWaiting)).toBe('done');
    expect(await oneAtATime(folder, () => Promise.resolve('again'), notWaiting)).toBe('again');
  });

  it('does not take another process for its holder that has its number now', async () => {
    await mkdir(folder);
    const other = (await processIdentity(process.pid)).replace(/\S+$/, '1');
    await writeFile(path.join(folder, '1'), other);
    expect(await oneAtATime(folder, () => Promise.resolve('done'), notWaiting)).toBe('done');
  });
});

describe('a process', () => {
  it('is known as long as it runs, and not after, also where nobody asked how it ended', async () => {
    const identity = await processIdentity(process.pid);
    expect(await processIdentity(process.pid)).toBe(identity);
    expect(await isRunning(identity)).toBe(true);
    // A shell that becomes a program which never asks how its child ended.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [pid] = await once(parent.stdout, 'data');
      await expect.poll(() => processIdentity(Number(`${pid}`))).toBeNull();
    } finally {
      parent.kill('SIGKILL');
      await once(parent, 'exit');
    }
    expect(await processIdentity(parent.pid)).toBeNull();
  });
});
