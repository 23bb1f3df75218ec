import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Place } from './node-place.ts';
import type { Writing } from './node-write.ts';
import { createSyncTogether, type SyncTogether } from './sync-together.ts';
import { writeTogether } from './write-together.ts';

let root: string;
let on: Writing;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'satchel-together-'));
  const place: Place = { root, followed: new Set() };
  let count = 0;
  on = { place, random: { bytes: (length) => new Uint8Array(length).fill((count += 1)) }, dirty: new Set() };
});
afterEach(() => rmSync(root, { recursive: true }));

/** Answers as it is told, after looking at what stands there when it is asked. */
function disk(answer: boolean): SyncTogether & { readonly seen: string[][] } {
  const seen: string[][] = [];
  return {
    seen,
    isWorth: () => true,
    sync(paths) {
      seen.push(readdirSync(root).toSorted(), [...paths]);
      return Promise.resolve(answer);
    },
  };
}

const body = (text: string) => Buffer.from(text);

describe('files written together', () => {
  it.each([true, false])('take their places when all are durable, or each by itself (synced at once: %s)', async (answer) => {
    const there = disk(answer);
    const writes = ['a.md', 'b.sh'].map((name) => ({ path: name, body: body(name), options: { expected: null, mode: 0o700 } }));
    const written = await writeTogether(on, writes, there);
    expect(written.map((each) => each.ok && each.value.size)).toEqual([4, 4]);
    expect(there.seen[0]?.every((name) => name.startsWith('.satchel-tmp-'))).toBe(true);
    expect(there.seen[1]?.length).toBe(1);
    expect(readdirSync(root).toSorted()).toEqual(['a.md', 'b.sh']);
    expect(readFileSync(path.join(root, 'b.sh'), 'utf8')).toBe('b.sh');
    expect(statSync(path.join(root, 'b.sh')).mode & 0o777).toBe(0o700);
    expect([...on.dirty]).toEqual([root]);
  });

  it('leave alone what changed meanwhile, and what lies outside, and write the others', async () => {
    writeFileSync(path.join(root, 'a.md'), 'theirs');
    mkdirSync(path.join(root, 'folder'));
    symlinkSync(tmpdir(), path.join(root, 'out'));
    const names = ['a.md', 'folder', 'out/x.md', 'missing/y.md', 'ok.md'];
    const written = await writeTogether(
      on,
      names.map((name) => ({ path: name, body: body('ours'), options: { expected: null } })),
      disk(true),
    );
    expect(written.map((each) => (each.ok ? 'ok' : each.error.type))).toEqual(['changed', 'changed', 'outside', 'missing', 'ok']);
    expect(readFileSync(path.join(root, 'a.md'), 'utf8')).toBe('theirs');
    expect(readdirSync(root).toSorted()).toEqual(['a.md', 'folder', 'ok.md', 'out']);
  });
});

describe.runIf(process.platform === 'linux')('one sync for many files', () => {
  const clock = { now: () => 0 };

  it('is done by the real program', async () => {
    const together = createSyncTogether(clock);
    writeFileSync(path.join(root, 'with space'), 'x');
    expect(together.isWorth(root, 23)).toBe(false);
    expect(together.isWorth(path.join(root, 'not there'), 1_000)).toBe(false);
    if (!together.isWorth(root, 1_000)) throw new Error('the temporary folder lies on a file system that cannot do it: set TMPDIR');
    expect(await Promise.all([together.sync([path.join(root, 'with space')], 1), together.sync([root], 1)])).toEqual([true, true]);
  });

  it('is said not to have worked where the path is gone or its name has two lines, and is left alone for a while then', async () => {
    let now = 0;
    const together = createSyncTogether({ now: () => now });
    expect(await together.sync([path.join(root, 'gone')], 1)).toBe(false);
    expect(together.isWorth(root, 1_000)).toBe(false);
    now = 60_000;
    expect(together.isWorth(root, 1_000)).toBe(true);
    writeFileSync(path.join(root, 'two\nlines'), 'x');
    expect(await together.sync([path.join(root, 'two\nlines')], 1)).toBe(false);
  });

  it('is said not to have worked where there is no such program', async () => {
    const together = createSyncTogether(clock, '/nowhere/sync');
    expect(await together.sync([root], 1)).toBe(false);
    expect(existsSync(root)).toBe(true);
  });

  it('is left alone where it takes long, as when others wrote much to the same disk', async () => {
    const slow = path.join(root, 'slow');
    writeFileSync(slow, '#!/bin/sh\nexec sleep 0.01\n', { mode: 0o700 });
    let now = 0;
    const together = createSyncTogether({ now: () => (now += 300) }, slow);
    expect(await together.sync([root], 1)).toBe(true);
    expect(together.isWorth(root, 1_000)).toBe(false);
    now += 60_000;
    expect(together.isWorth(root, 1_000)).toBe(true);
  });
});
