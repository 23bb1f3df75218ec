import type { Decoder, Encoder } from '@toondepauw/node-zstd';
import type { Compression } from '../core/ports/compression.ts';
import { declareContentSize, parseZstdFrame } from './zstd-frame.ts';

/** Below this a thread costs more than it saves. */
const SYNC_BYTES = 8 * 1024;

const LEVELS = { tiny: 1, fast: 3, small: 9 } as const;
/** Below this the tables of the next level cost five times what the rest does, and save one byte in twenty. */
const TINY_BYTES = 4 * 1024;

/**
 * zstd (RFC 8878) on the thread pool. Frames declare their content size, and only such are expanded: the decoder
 * allocates what a frame declares, and stops there.
 */
export function createZstd(): Compression {
  let loaded: Promise<Coders> | null = null;
  const coders = (): Promise<Coders> => (loaded ??= loadCoders());
  return {
    async compress(plain, effort = 'fast') {
      const input = asBuffer(plain);
      const { tiny, fast, [effort]: encoder } = await coders();
      // More effort makes them a hundredth smaller, and takes tables of many megabytes, filled anew each time.
      const sync = input.length < TINY_BYTES ? tiny : input.length < SYNC_BYTES ? fast : null;
      return declareContentSize(sync === null ? await encoder.encode(input) : sync.encodeSync(input), plain.length);
    },
    async expand(compressed, length) {
      const { frameLength, contentSize } = parseZstdFrame(compressed);
      if (contentSize === null) throw new Error('zstd frame does not declare its content size');
      if (contentSize !== length) throw new Error(`zstd frame declares ${contentSize} bytes, not ${length}`);
      if (frameLength !== compressed.length) throw new Error('bytes follow the zstd frame');
      if (length === 0) return new Uint8Array(0);
      const input = asBuffer(compressed);
      const { decoder } = await coders();
      const plain = length < SYNC_BYTES ? decoder.decodeSync(input) : await decoder.decode(input);
      if (plain.length !== length) throw new Error(`zstd frame expands to ${plain.length} bytes, not ${length}`);
      return plain;
    },
  };
}

interface Coders {
  readonly tiny: Encoder;
  readonly fast: Encoder;
  readonly small: Encoder;
  readonly decoder: Decoder;
}

/** With the first body: loading it takes 5 ms and more, since it asks for a report of the process to find its libc. */
async function loadCoders(): Promise<Coders> {
  const { default: zstd } = await import('@toondepauw/node-zstd');
  const { Encoder, Decoder } = zstd;
  return { tiny: new Encoder(LEVELS.tiny), fast: new Encoder(LEVELS.fast), small: new Encoder(LEVELS.small), decoder: new Decoder() };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
