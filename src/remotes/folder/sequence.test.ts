import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFolderFiles } from './files.ts';
import { createSequence, searchFrom, type Sequence } from './sequence.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'satchel-sequence-'));
  await mkdir(join(folder, 'tmp'));
});

afterEach(() => rm(folder, { recursive: true }));

const sequence = (): Sequence => {
  const files = createFolderFiles(join(folder, 'tmp'), { bytes: (length) => randomBytes(length) });
  return createSequence(files, join(folder, 'log'), 'seg');
};

async function place(number: number): Promise<void> {
  const path = sequence().path(number);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${number}`);
}

describe('searchFrom', () => {
  it('finds the greatest number, from anywhere below, in few look-ups', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: -1, max: 1_000_000 }), fc.nat(), async (greatest, below) => {
        const from = Math.max(-1, greatest - (below % (greatest + 2)));
        let asked = 0;
        const found = await searchFrom(from, async (number) => {
          asked += 1;
          return number <= greatest;
        });
        expect(found).toBe(greatest);
        expect(asked).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(greatest - from + 2)) + 1);
      }),
    );
  });
});

describe('createSequence', () => {
  it('goes on across directories', async () => {
    for (let number = 0; number < 1_003; number += 1) await place(number);
    const fresh = sequence();
    expect(await fresh.newest()).toBe(1_002);
    expect(await fresh.publish(1_003, Buffer.from('x'))).toBe(true);
    expect(await fresh.publish(1_003, Buffer.from('y'))).toBe(false);
    expect(await sequence().newest()).toBe(1_003);
  });

  it('finds the end behind a gap, or names the gap, and never stops short of it', async () => {
    for (let number = 0; number <= 12; number += 1) await place(number);
    const seen = new Set<string>();
    for (let gap = 0; gap < 12; gap += 1) {
      await rm(sequence().path(gap));
      const answer = await sequence()
        .newest()
        .catch((error: unknown) => String(error));
      const named = `${sequence().path(gap)} is damaged (it is missing`;
      expect(answer === 12 || String(answer).includes(named)).toBe(true);
      seen.add(typeof answer);
      await place(gap);
    }
    expect(seen).toEqual(new Set(['number', 'string']));
  });

  it('sees numbers that others add and that are taken away', async () => {
    const watching = sequence();
    expect(await watching.newest()).toBe(-1);
    for (let number = 0; number < 20; number += 1) {
      await place(number);
      expect(await watching.newest()).toBe(number);
    }
    for (const number of [19, 18, 17]) await rm(watching.path(number));
    expect(await watching.newest()).toBe(16);
  });
});
