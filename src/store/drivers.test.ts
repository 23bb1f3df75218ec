import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { createTestClock } from '../../tests/contracts/test-clock.ts';
import { openObjects, openStore } from './drivers.ts';

const deps = { random: { bytes: (length: number) => randomBytes(length) }, clock: createTestClock() };

it('opens drivers by name', async () => {
  const store = await openStore('memory', '');
  const objects = openObjects('memory', '', deps);
  await store.close();
  await objects.close();
});

it('fails loudly for an unknown name', async () => {
  await expect(openStore('sqlight', '')).rejects.toThrow('unknown store driver "sqlight"; there are: sqlite, memory');
  await expect(openStore('toString', '')).rejects.toThrow('unknown store driver');
  expect(() => openObjects('s4', '', deps)).toThrow('unknown object driver "s4"; there are: folder, memory, s3, azure');
});
