import { describe, expect, it } from 'vitest';
import { bodySha256, hasStatelessHash } from '../../core/crypto/body-hash.ts';
import { sha256 } from '../../core/crypto/hash.ts';
import type { FileStat } from '../../core/ports/files.ts';
import { fail, ok } from '../../core/result.ts';
import { createAheadReads } from './ahead-reads.ts';
import type { FileThreads } from './file-threads.ts';

const MIB = 1024 * 1024;
const stat: FileStat = { type: 'file', size: 1, mtimeNs: 1n, ctimeNs: 1n, ino: 1n, mode: 0o600 };
const place = { root: '/', followed: new Set<string>() };

/** Answers at once, and keeps what was asked for together. */
function threads(missing: readonly string[] = []): FileThreads & { readonly asked: string[][] } {
  const asked: string[][] = [];
  return {
    asked,
    write: () => Promise.reject(new Error('not here')),
    read(_place, paths) {
      asked.push([...paths]);
      const answers = paths.map((path) => {
        const bytes = Buffer.alloc(path.startsWith('big') ? MIB : 3, path);
        return missing.includes(path)
          ? fail({ type: 'missing' as const, message: 'gone' })
          : ok({ bytes, stat, sha256: sha256(bytes), readAt: 7 });
      });
      return Promise.resolve(answers);
    },
  };
}

describe('files read ahead', () => {
  it('come together where they are small, one by one where they are large, and no more than 32 MiB at a time', async () => {
    const there = threads();
    const ahead = createAheadReads(place, there);
    const small = Array.from({ length: 100 }, (_, index) => ({ path: `small-${index}`, size: 1_000 }));
    const big = Array.from({ length: 6 }, (_, index) => ({ path: `big-${index}`, size: 20 * MIB }));
    ahead.expect([...small, ...big]);
    expect(there.asked.map((paths) => paths.length)).toEqual([64, 36, 1]);
    await ahead.take('small-99'); // the first portion was passed over, the second is not empty
    expect(there.asked.length).toBe(3);
    await ahead.take('big-0');
    expect(there.asked.slice(3)).toEqual([['big-1']]);
    expect(await ahead.take('small-3')).toBeNull();
    await ahead.take('big-1');
    ahead.expect([]);
    expect(await ahead.take('big-2')).toBeNull();
  });

  it('are given once, with the hash that goes with them; what could not be read is to be read again', async () => {
    const ahead = createAheadReads(place, threads(['gone']));
    ahead.expect(['one', 'gone', 'big'].map((path) => ({ path, size: 10 })));
    const one = await ahead.take('one');
    expect([one?.stat, one?.readAt, Buffer.from(one?.bytes ?? []).toString()]).toEqual([stat, 7, 'one']);
    expect(await ahead.take('one')).toBeNull();
    expect(await ahead.take('gone')).toBeNull();
    const big = (await ahead.take('big'))?.bytes ?? new Uint8Array();
    expect(hasStatelessHash(big)).toBe(true);
    expect(Buffer.from(bodySha256(big)).equals(sha256(big))).toBe(true);
  });

  it('that are larger than they were to be are read all the same', async () => {
    const ahead = createAheadReads(place, threads());
    ahead.expect([{ path: 'big', size: 100 * MIB }]);
    expect((await ahead.take('big'))?.bytes.length).toBe(MIB);
  });
});
