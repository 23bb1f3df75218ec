import { hmac, lengthPrefix } from '../../src/core/crypto/hash.ts';
import type { Random } from '../../src/core/ports/random.ts';

/** Bytes that are a function of the seed and of how much was drawn before. */
export function createSeededRandom(seed: string): Random & { below(n: number): number; chance(p: number): boolean } {
  const key = Buffer.from(seed);
  let counter = 0;
  let [block, at] = [Buffer.alloc(0), 0];
  const bytes = (length: number): Uint8Array => {
    const out = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      if (at === block.length) [block, at] = [Buffer.from(hmac(key, lengthPrefix(counter++))), 0];
      const taken = block.copy(out, done, at);
      [done, at] = [done + taken, at + taken];
    }
    return out;
  };
  const below = (n: number): number => {
    if (block.length - at < 4) return Buffer.from(bytes(4)).readUInt32BE(0) % n;
    at += 4;
    return block.readUInt32BE(at - 4) % n;
  };
  return { bytes, below, chance: (p) => below(1_000_000) < p * 1_000_000 };
}
