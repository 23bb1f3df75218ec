import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { openObjects, openStore } from './drivers.ts';

const random = { bytes: (length: number) => randomBytes(length) };

it('opens drivers by name', async () => {
  const store = await openStore('memory', '');
  const objects = openObjects('memory', '', { random });
  await store.close();
  await objects.close();
});

it('fails loudly for an unknown name', async () => {
  await expect(openStore('sqlight', '')).rejects.toThrow('unknown store driver "sqlight"; there are: sqlite, memory');
  await expect(openStore('toString', '')).rejects.toThrow('unknown store driver');
  expect(() => openObjects('s4', '', { random })).toThrow('unknown object driver "s4"; there are: folder, memory');
});
