import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFlush } from './node-folders.ts';
import type { Writing } from './node-write.ts';

let root: string;
let on: Writing;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'satchel-folders-'));
  on = { place: { root, followed: new Set() }, random: { bytes: (length) => new Uint8Array(length) }, dirty: new Set() };
});
afterEach(() => rmSync(root, { recursive: true }));

describe('a flush of folders', () => {
  it('waits for one under way, which may have taken its folder', async () => {
    let finish: (worked: boolean) => void = () => undefined;
    const worked = new Promise<boolean>((resolve) => (finish = resolve));
    let asked = 0;
    const flush = createFlush(on, {
      isWorth: (_folder, count) => count > 0,
      sync: () => {
        asked += 1;
        return worked;
      },
    });
    on.dirty.add(root);
    const first = flush();
    let isDone = false;
    const second = flush().then((result) => {
      isDone = true;
      return result;
    });
    await new Promise(setImmediate);
    expect([asked, isDone, on.dirty.size]).toEqual([1, false, 0]);
    finish(true);
    expect([await first, await second]).toEqual([
      { ok: true, value: null },
      { ok: true, value: null },
    ]);
  });

  it('says of both what went wrong with the first, and of the next nothing', async () => {
    const flush = createFlush(on);
    on.dirty.add(`${root}/\0`);
    const [first, second] = await Promise.all([flush(), flush()]);
    expect([first.ok, second.ok]).toEqual([false, false]);
    expect((await flush()).ok).toBe(true);
  });
});
