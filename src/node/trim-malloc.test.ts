import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { trimMalloc } from './trim-malloc.ts';

const isGlibc = 'glibcVersionRuntime' in (process.report.getReport() as { readonly header: object }).header;

it.runIf(isGlibc)('gives freed memory back that lies between what is in use', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  // Too small to be mapped by themselves, whatever was freed before.
  let all: Buffer[] | null = Array.from({ length: 20_000 }, (_, index) => Buffer.alloc(4_000 + (index % 16) * 100, 1));
  const used = all.filter((_, index) => index % 50 === 0);
  all = null;
  gc();
  gc();
  const before = process.memoryUsage().rss;
  trimMalloc();
  expect(before - process.memoryUsage().rss).toBeGreaterThan(30_000_000);
  expect(used.every((buffer) => buffer.every((byte) => byte === 1))).toBe(true);
});

it('is safe to call again and again', () => {
  for (let time = 0; time < 5; time += 1) expect(trimMalloc()).toBeUndefined();
});
