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
