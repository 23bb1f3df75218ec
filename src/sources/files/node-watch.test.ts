import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TreeChange } from '../../core/ports/files.ts';
import { watchTree } from './node-watch.ts';

describe('a watched folder of a disk', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'satchel-watch-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const covers = (changes: readonly TreeChange[], file: string): boolean =>
    changes.some((change) => change.type === 'all' || change.paths.some((each) => file === each || file.startsWith(`${each}/`)));

  /** Someone makes a folder in a new folder at each moment of our looking at it. */
  it.each([1, 2, 3, 4, 5, 6])('sees what is written in a folder that was made while its parent was looked at (look %i)', async (moment) => {
    let looks = 0;
    const inner = path.join(root, 'p', 'q');
    const enters = (folder: string): boolean => {
      if (folder !== 'p') return true;
      looks += 1;
      if (looks === moment) mkdirSync(inner, { recursive: true });
      return true;
    };
    let changes: TreeChange[] = [];
    const watch = watchTree({ root, followed: new Set() }, (change) => changes.push(change), { enters });
    try {
      mkdirSync(path.join(root, 'p'));
      await expect.poll(() => looks).toBeGreaterThan(0);
      mkdirSync(inner, { recursive: true }); // where there were fewer looks
      writeFileSync(path.join(inner, 'f'), 'one\n');
      await sleep(100);
      changes = [];
      appendFileSync(path.join(inner, 'f'), 'two\n');
      await expect.poll(() => covers(changes, 'p/q/f')).toBe(true);
    } finally {
      watch.close();
    }
  });
});
