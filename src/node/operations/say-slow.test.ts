import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { sayWhereSlow } from './say-slow.ts';

/** Its seconds are milliseconds. */
const clock = { sleep: (ms: number, signal?: AbortSignal) => delay(ms / 1_000, undefined, { signal }).catch(() => undefined) };

it('says what is waited for where it takes long, once, and nothing of what is quick or failed at once', async () => {
  const said: string[] = [];
  const deps = { clock, say: (line: string) => said.push(line) };
  expect(await sayWhereSlow(deps, 'quick', () => Promise.resolve(1))).toBe(1);
  await expect(sayWhereSlow(deps, 'failed', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await sayWhereSlow(deps, 'slow', () => delay(30, 2))).toBe(2);
  await delay(10);
  expect(said).toEqual(['slow']);
});
