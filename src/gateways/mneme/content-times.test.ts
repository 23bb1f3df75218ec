import { expect, it } from 'vitest';
import type { ContentDigest } from '../../core/ids.ts';
import type { Item } from '../../core/item.ts';
import { createContentTimes, type Looked } from './content-times.ts';

const item: Item = { kind: 'text', name: 'mneme/p/log.jsonl' };
const content = (name: string): Looked => ({ digest: name as ContentDigest });

function setUp() {
  let now = 100;
  const times = createContentTimes({ now: () => now, sleep: async () => undefined });
  const since = async (found: Looked): Promise<number> => (await times.of(item, async () => found)).since;
  return { times, since, at: (time: number) => void (now = time) };
}

it('keeps the time of a content that is noticed again', async () => {
  const { times, since, at } = setUp();
  expect(await since(content('a'))).toBe(100);
  at(200);
  times.noticed(item);
  expect(await since(content('a'))).toBe(100);
});

it('gives another content the time at which it was noticed first', async () => {
  const { times, since, at } = setUp();
  await since(content('a'));
  at(200);
  times.noticed(item);
  at(300);
  times.noticed(item);
  expect(await since(content('b'))).toBe(200);
  at(400);
  expect(await since(content('b'))).toBe(200);
});

it('never gives two contents the same time, or a later one an earlier time', async () => {
  const { times, since, at } = setUp();
  await since(content('a'));
  at(50);
  times.noticed(item);
  expect(await since(content('b'))).toBe(101);
  times.noticed(item);
  expect(await since(content('a'))).toBe(102);
});

it('keeps the time where what was looked up before is said later', async () => {
  const { times, since, at } = setUp();
  await since(content('a'));
  let say: (found: Looked) => void = () => undefined;
  const slow = times.of(item, () => new Promise<Looked>((resolve) => void (say = resolve)));
  await Promise.resolve();
  at(200);
  times.noticed(item);
  const fast = since(content('b'));
  say(content('a'));
  expect((await slow).since).toBe(100);
  expect(await fast).toBe(200);
  at(300);
  expect(await since(content('b'))).toBe(200);
});

it('is not stopped by a look that fails', async () => {
  const { times, since } = setUp();
  await expect(times.of(item, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await since(content('a'))).toBe(100);
});
