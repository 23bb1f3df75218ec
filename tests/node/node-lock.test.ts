import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/ports/clock.ts';
import { nodeHome, type NodeHome } from '../../src/node/home.ts';
import { lockNode } from '../../src/node/node-lock.ts';

let root: string;
let home: NodeHome;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'satchel-lock-'));
  home = nodeHome(root);
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Time passes as it is slept away. */
function createQuickClock(onSleep: (slept: number) => void = () => undefined): Clock {
  let now = 0;
  return {
    now: () => now,
    async sleep(ms) {
      now += ms;
      onSleep(now);
    },
  };
}

describe('the lock of a node', () => {
  it('says who holds it, and is given up after a minute', async () => {
    const held = await lockNode(home, 'sync', createQuickClock());
    const clock = createQuickClock();
    await expect(lockNode(home, 'up', clock)).rejects.toThrow(`a satchel command is at work on this store: sync, process ${process.pid}`);
    expect(clock.now()).toBe(60_000);
    held.release();
    (await lockNode(home, 'up', clock)).release();
  });

  it('is waited for while a command is at work', async () => {
    const held = await lockNode(home, 'sync', createQuickClock());
    const clock = createQuickClock((slept) => {
      if (slept === 5_000) held.release();
    });
    (await lockNode(home, 'up', clock)).release();
    expect(clock.now()).toBe(5_000);
  });

  it('names the node that runs, at once', async () => {
    const held = await lockNode(home, 'up', createQuickClock());
    await writeFile(home.running, JSON.stringify({ pid: process.pid, address: 'http://127.0.0.1:4600' }));
    const clock = createQuickClock();
    await expect(lockNode(home, 'up', clock)).rejects.toMatchObject({
      pid: process.pid,
      address: 'http://127.0.0.1:4600',
      message: `this node runs already as process ${process.pid}, at http://127.0.0.1:4600`,
    });
    expect(clock.now()).toBe(0);
    held.release();
  });

  it('does not take the note of a killed node for the command that holds it now', async () => {
    const held = await lockNode(home, 'sync', createQuickClock());
    await writeFile(home.running, JSON.stringify({ pid: process.ppid, address: 'http://127.0.0.1:4600' }));
    await expect(lockNode(home, 'up', createQuickClock())).rejects.toThrow('sync');
    held.release();
  });

  it.each(['{', '{"pid":"x"}'])('reads a note that is cut off as none: %s', async (text) => {
    const held = await lockNode(home, 'sync', createQuickClock());
    await writeFile(home.holder, text);
    await expect(lockNode(home, 'up', createQuickClock())).rejects.toThrow('another satchel command is at work on this store');
    held.release();
  });

  it('is for us alone to open, also one that was not', async () => {
    await writeFile(home.lock, '', { mode: 0o644 });
    const held = await lockNode(home, 'up', createQuickClock());
    for (const file of [home.lock, home.holder]) expect((await stat(file)).mode & 0o777).toBe(0o600);
    held.release();
  });
});
