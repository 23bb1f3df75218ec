import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryBucket } from '../../blobs/memory/memory-bucket.ts';
import { createBlobSequence, searchFrom } from './sequence.ts';

const bytes = Buffer.from('x');

describe('searchFrom', () => {
  it('finds the end of any sequence, in few rounds of questions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: -1, max: 1_000_000 }), fc.double({ min: 0, max: 1, noNaN: true }), async (end, part) => {
        const from = Math.floor((end + 1) * part) - 1;
        let asked = 0;
        const found = await searchFrom(from, async (number) => {
          asked += 1;
          return number <= end;
        });
        expect(found).toBe(end);
        expect(asked).toBeLessThan(64);
      }),
    );
  });

  it('gives up on a store that says yes to everything', async () => {
    await expect(searchFrom(-1, async () => true)).rejects.toMatchObject({ type: 'protocol' });
  });

  it('answers a number that was the last at some time, while others are added', async () => {
    let end = 3;
    const found = await searchFrom(-1, async (number) => number <= (end += 2));
    expect(found).toBeGreaterThanOrEqual(3);
    expect(found).toBeLessThanOrEqual(end);
  });
});

describe('createBlobSequence', () => {
  it('begins where the hint says, and never ends before it', async () => {
    const bucket = createMemoryBucket();
    const blobs = bucket.open();
    const sequence = createBlobSequence(blobs, 'log');
    expect(await sequence.newest()).toBe(-1);
    for (let number = 0; number < 40; number += 1) expect(await sequence.create(number, bytes)).toBe(true);
    expect(await sequence.create(39, bytes)).toBe(false);
    expect(Buffer.from((await blobs.read('log/newest')) as Uint8Array).toString()).toBe('31\n');
    expect(await createBlobSequence(bucket.open(), 'log').newest()).toBe(39);
    await blobs.write('log/newest', Buffer.from('7\n'));
    expect(await sequence.newest()).toBe(39);
    await blobs.write('log/newest', Buffer.from('no number'));
    expect(await sequence.newest()).toBe(39);
  });

  it('names the blob that is missing where a hint names a later one', async () => {
    const blobs = createMemoryBucket().open();
    const sequence = createBlobSequence(blobs, 'log');
    for (let number = 0; number < 16; number += 1) await sequence.create(number, bytes);
    for (let number = 9; number < 16; number += 1) await blobs.remove([sequence.name(number)]);
    await expect(sequence.newest()).rejects.toMatchObject({ type: 'protocol', message: expect.stringContaining(sequence.name(9)) });
  });
});
