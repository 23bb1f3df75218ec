import { describe, expect, it } from 'vitest';
import { createPortions, emptyCapture } from './portions.ts';

const LIMITS = { entries: 3, bytes: 10 };
const one = { ...emptyCapture(), changes: 1 };

describe('portions', () => {
  it('end at so many entries, or so many bytes', async () => {
    const taken: (readonly string[])[] = [];
    const portions = createPortions<string>(LIMITS, async (portion) => {
      taken.push(portion);
      return { ...one, refused: [{ item: { kind: 'text', name: portion[0] ?? '' }, reason: 'no' }] };
    });
    for (const entry of ['a', 'b', 'c', 'd']) await portions.add(entry, 1);
    await portions.add('large', 10);
    expect(portions.isEmpty).toBe(true);
    await portions.add('last', 1);
    expect(portions.isEmpty).toBe(false);
    const report = await portions.finish();
    expect(taken).toEqual([['a', 'b', 'c'], ['d', 'large'], ['last']]);
    expect([report.changes, report.refused.map(({ item }) => item.name)]).toEqual([3, ['a', 'd', 'last']]);
  });

  it('begin with a small one where that is wished, and double up to the full size', async () => {
    const sizes: number[] = [];
    const portions = createPortions<number>({ entries: 8, bytes: 1_000, first: 1 / 4 }, async (portion) => {
      sizes.push(portion.length);
      return one;
    });
    for (let entry = 0; entry < 30; entry += 1) await portions.add(entry, 1);
    await portions.finish();
    expect(sizes).toEqual([2, 4, 8, 8, 8]);
  });

  it('are taken one after the other, while the next is collected', async () => {
    const events: string[] = [];
    const gates: (() => void)[] = [];
    const portions = createPortions<string>({ entries: 1, bytes: 10 }, async ([entry]) => {
      events.push(`begin ${entry}`);
      await new Promise<void>((resolve) => gates.push(resolve));
      events.push(`end ${entry}`);
      return one;
    });
    await portions.add('a', 1);
    const second = portions.add('b', 1);
    await new Promise(setImmediate);
    expect(events).toEqual(['begin a']);
    gates[0]?.();
    await second;
    const finished = portions.finish();
    await new Promise(setImmediate);
    gates[1]?.();
    await finished;
    expect(events).toEqual(['begin a', 'end a', 'begin b', 'end b']);
  });

  it('are taken two at a time where that is allowed, and none is begun after one that failed', async () => {
    const events: string[] = [];
    const gates = new Map<string, (error?: Error) => void>();
    const portions = createPortions<string>({ entries: 1, bytes: 10, atOnce: 2 }, async ([entry = '']) => {
      events.push(entry);
      await new Promise<void>((resolve, reject) => gates.set(entry, (error) => (error === undefined ? resolve() : reject(error))));
      return one;
    });
    await portions.add('a', 1);
    await portions.add('b', 1);
    const third = portions.add('c', 1);
    await new Promise(setImmediate);
    expect(events).toEqual(['a', 'b']);
    gates.get('a')?.();
    await third;
    expect(events).toEqual(['a', 'b', 'c']);
    gates.get('b')?.(new Error('the disk is gone'));
    await expect(portions.add('d', 1)).rejects.toThrow('the disk is gone');
    gates.get('c')?.();
    await expect(portions.finish()).rejects.toThrow('the disk is gone');
    expect(events).toEqual(['a', 'b', 'c']);
  });

  it('throw what went wrong with one by the next call, and take nothing after it', async () => {
    const taken: string[] = [];
    const portions = createPortions<string>({ entries: 1, bytes: 10 }, async ([entry = '']) => {
      taken.push(entry);
      throw new Error('the disk is gone');
    });
    await portions.add('a', 1);
    await expect(portions.add('b', 1)).rejects.toThrow('the disk is gone');
    await expect(portions.finish()).rejects.toThrow('the disk is gone');
    expect(taken).toEqual(['a']);
  });
});
