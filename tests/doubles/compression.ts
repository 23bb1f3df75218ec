import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Compression } from '../../src/core/ports/compression.ts';

/** A DOUBLE of zstd: built in, synchronous, the same everywhere, so that a simulation's seed replays exactly. */
export function createCompressionDouble(): Compression {
  return {
    compress: async (plain) => deflateRawSync(plain, { level: 1 }),
    expand: async (compressed, length) => inflateRawSync(compressed, { maxOutputLength: Math.max(1, length) }),
  };
}
