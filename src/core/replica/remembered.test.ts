import { expect, it } from 'vitest';
import { remembered } from './remembered.ts';

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
