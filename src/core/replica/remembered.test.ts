import { expect, it } from 'vitest';
import { remembered, rememberedOf } from './remembered.ts';

it('asks again once something was written, and not before', async () => {
  let writes = 0;
  let asked = 0;
  const look = remembered({ writes: () => writes }, () => Promise.resolve((asked += 1)));
  expect([await look(), await look()]).toEqual([1, 1]);
  writes += 1;
  expect([await look(), await look()]).toEqual([2, 2]);
});

it('keeps no answer during which something was written', async () => {
  let writes = 0;
  let asked = 0;
  const look = remembered({ writes: () => writes }, () => Promise.resolve((writes += 1)).then(() => (asked += 1)));
  expect([await look(), await look()]).toEqual([1, 2]);
});

it('asks each time where writes are not counted', async () => {
  let asked = 0;
  const look = remembered({}, () => Promise.resolve((asked += 1)));
  expect([await look(), await look()]).toEqual([1, 2]);
});

it('shares a look that has not begun yet where writes are not counted', async () => {
  const ends: (() => void)[] = [];
  const look = remembered({}, async () => {
    const number = ends.length;
    await new Promise<void>((resolve) => ends.push(resolve));
    return number;
  });
  const first = look();
  const others = Array.from({ length: 500 }, look);
  expect(ends.length).toBe(1); // the others may not have what was seen before they asked
  ends[0]?.();
  expect(await first).toBe(0);
  await Promise.resolve();
  expect(ends.length).toBe(2);
  ends[1]?.();
  expect(new Set(await Promise.all(others))).toEqual(new Set([1]));
  const later = look();
  expect(ends.length).toBe(3);
  ends[2]?.();
  expect(await later).toBe(2);
});

it('goes on where writes are not counted and a look failed', async () => {
  let asked = 0;
  const look = rememberedOf({}, async (of: string) => {
    asked += 1;
    await Promise.resolve();
    if (asked === 1) throw new Error('the database is away');
    return of === 'absent' ? null : of;
  });
  expect((await Promise.allSettled([look('a'), look('a')])).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(await Promise.all(Array.from({ length: 9 }, () => look('absent')))).toEqual(Array<null>(9).fill(null));
  expect(await look('a')).toBe('a');
  expect(asked).toBe(5);
});

it('asks once for all who ask at one time, and again after a failure', async () => {
  let asked = 0;
  const look = remembered({ writes: () => 0 }, async () => {
    asked += 1;
    if (asked === 1) throw new Error('the disk failed');
    return asked;
  });
  const first = await Promise.allSettled([look(), look()]);
  expect(first.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect([await look(), await look()]).toEqual([2, 2]);
});

it('remembers of many what is there, and asks each time for what is not', async () => {
  const asked: string[] = [];
  const look = rememberedOf({ writes: () => 0 }, async (of: string) => {
    asked.push(of);
    return of === 'absent' ? null : of;
  });
  expect([await look('a'), await look('b'), await look('a'), await look('absent'), await look('absent')]).toEqual([
    'a',
    'b',
    'a',
    null,
    null,
  ]);
  expect(asked).toEqual(['a', 'b', 'absent', 'absent']);
});
