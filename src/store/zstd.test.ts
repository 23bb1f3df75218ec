import zstd from '@toondepauw/node-zstd';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { declareContentSize, parseZstdFrame } from './zstd-frame.ts';
import { createZstd } from './zstd.ts';

const compression = createZstd();
const compress = (plain: Uint8Array) => compression.compress(plain);
const expand = (compressed: Uint8Array, length: number) => compression.expand(compressed, length);
const MIB = 1024 * 1024;

/** A frame of `blocks` blocks of 128 KiB zeros each: four bytes a block. `contentSize: null` declares none. */
function bomb(blocks: number, contentSize: number | null): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, contentSize === null ? 0x00 : 0x80, 0x38]);
  const size = Buffer.alloc(contentSize === null ? 0 : 4);
  if (contentSize !== null) size.writeUInt32LE(contentSize);
  const body = Buffer.alloc(blocks * 4);
  for (let block = 0; block < blocks; block++) {
    body.writeUIntLE((131_072 << 3) | (1 << 1) | (block === blocks - 1 ? 1 : 0), block * 4, 3);
  }
  return Buffer.concat([head, size, body]);
}

describe('zstd', () => {
  it('gives back what it took, at sizes where the frame changes its form', async () => {
    const sizes = [0, 1, 63, 255, 256, 257, 8_191, 8_192, 65_535, 65_536, 65_791, 65_792, 131_072, 131_073, MIB, 8 * MIB];
    for (const size of sizes) {
      for (const plain of [
        Buffer.alloc(size, 'abc'),
        Buffer.from(Array.from({ length: Math.min(size, 70_000) }, (_, n) => (n * 7919) % 251)),
      ]) {
        const packed = await compress(plain);
        expect(parseZstdFrame(packed)).toEqual({ frameLength: packed.length, contentSize: plain.length });
        expect(Buffer.compare(await expand(packed, plain.length), plain)).toBe(0);
      }
    }
  });

  it('gives back anything', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), fc.nat(20), async (piece, times) => {
        const plain = Buffer.concat(Array.from({ length: times }, () => piece));
        expect(Buffer.compare(await expand(await compress(plain), plain.length), plain)).toBe(0);
      }),
    );
  });

  it('takes more effort to make less where asked to', async () => {
    let state = 1;
    const next = (): number => (state = (state * 48_271) % 2_147_483_647);
    const plain = Buffer.from(Array.from({ length: 20_000 }, () => `word${Math.floor(Math.sqrt(next() % 90_000))}`).join(' '));
    const [fast, small] = [await compression.compress(plain), await compression.compress(plain, 'small')];
    expect(small.length).toBeLessThan(fast.length);
    expect(Buffer.compare(await expand(small, plain.length), plain)).toBe(0);
  });

  it('works on many at once', async () => {
    const plains = Array.from({ length: 40 }, (_, n) => Buffer.alloc(20_000 + n, `text ${n} `));
    const packed = await Promise.all(plains.map((plain) => compress(plain)));
    const expanded = await Promise.all(packed.map((each, n) => expand(each, plains[n]?.length ?? 0)));
    for (const [n, plain] of plains.entries()) expect(Buffer.compare(expanded[n] ?? Buffer.of(), plain)).toBe(0);
  });

  it('refuses another length than the declared one', async () => {
    const packed = await compress(Buffer.alloc(1_000, 1));
    await expect(expand(packed, 999)).rejects.toThrow('declares 1000 bytes, not 999');
    await expect(expand(packed, 1_001)).rejects.toThrow('declares 1000 bytes, not 1001');
  });

  it('refuses frames without a declared size, several frames, skippable ones, and rubbish', async () => {
    const undeclared = new zstd.Encoder(3).encodeSync(Buffer.alloc(5_000, 1));
    await expect(expand(undeclared, 5_000)).rejects.toThrow('does not declare');
    const frame = await compress(Buffer.alloc(500, 1));
    await expect(expand(Buffer.concat([frame, frame]), 500)).rejects.toThrow('bytes follow');
    await expect(expand(Buffer.concat([frame, frame]), 1_000)).rejects.toThrow('declares 500');
    await expect(expand(Buffer.concat([frame, Buffer.of(0)]), 500)).rejects.toThrow('bytes follow');
    const skippable = Buffer.concat([Buffer.from('502a4d180400000000000000', 'hex'), frame]);
    await expect(expand(skippable, 500)).rejects.toThrow('not a zstd frame');
    await expect(expand(Buffer.from('rubbish rubbish'), 5)).rejects.toThrow('not a zstd frame');
    await expect(expand(new Uint8Array(0), 0)).rejects.toThrow('not a zstd frame');
  });

  it('refuses a frame that is cut off or damaged, wherever it is', async () => {
    const plain = Buffer.from('the quick brown fox jumps over the lazy dog. '.repeat(30));
    const packed = await compress(plain);
    for (let length = 0; length < packed.length; length++) {
      await expect(expand(packed.subarray(0, length), plain.length)).rejects.toThrow(/zstd|buffer|corrupt|Src/i);
    }
    const undeclared = new zstd.Encoder(3).encodeSync(plain);
    expect(Buffer.compare(await expand(declareContentSize(undeclared, plain.length), plain.length), plain)).toBe(0);
    await expect(expand(declareContentSize(undeclared, plain.length - 1), plain.length - 1)).rejects.toThrow(/./);
    await expect(expand(declareContentSize(undeclared, plain.length + 1), plain.length + 1)).rejects.toThrow(/./);
  });

  it('allocates no more than the length for a bomb', async () => {
    const before = process.resourceUsage().maxRSS;
    const large = bomb(200_000, 300); // 25 GB in 800 KB
    await expect(expand(large, 300)).rejects.toThrow(/./);
    await expect(expand(bomb(200_000, null), 300)).rejects.toThrow('does not declare');
    await expect(expand(bomb(200_000, 131_072), 131_072)).rejects.toThrow(/./);
    await expect(expand(bomb(1, 0x7fffffff), 300)).rejects.toThrow('declares 2147483647');
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(64 * 1024); // KiB
  });
});
