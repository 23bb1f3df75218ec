import { hmac, lengthPrefix } from '../../src/core/crypto/hash.ts';
import type { Random } from '../../src/core/ports/random.ts';

/** Bytes that are a function of the seed and of how much was drawn before. */
export function createSeededRandom(seed: string): Random & { below(n: number): number; chance(p: number): boolean } {
  let counter = 0;
  let pool = Buffer.alloc(0);
  const bytes = (length: number): Uint8Array => {
    while (pool.length < length) pool = Buffer.concat([pool, hmac(Buffer.from(seed), lengthPrefix(counter++))]);
    const out = Buffer.from(pool.subarray(0, length));
    pool = pool.subarray(length);
    return out;
  };
  const below = (n: number): number => Buffer.from(bytes(4)).readUInt32BE(0) % n;
  return { bytes, below, chance: (p) => below(1_000_000) < p * 1_000_000 };
}
