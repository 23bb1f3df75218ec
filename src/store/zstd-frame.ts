/**
 * The outside of a zstd frame (RFC 8878 § 3.1.1): enough to know how much it claims to expand to, and where it ends,
 * before anything is allocated for it.
 */
export interface ZstdFrame {
  /** Of the whole frame, checksum included. */
  readonly frameLength: number;
  /** Declared expanded bytes; `null` where the frame declares none. */
  readonly contentSize: number | null;
}

const MAGIC = 0xfd2fb528;
const SINGLE_SEGMENT = 0x20;
const RESERVED = 0x08;
const CHECKSUM = 0x04;
const DICTIONARY = 0x03;
const RLE = 1;
const RESERVED_BLOCK = 3;

/** Throws for what is no frame, is cut off, or uses what we never write (dictionaries, reserved bits). O(blocks). */
export function parseZstdFrame(bytes: Uint8Array): ZstdFrame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 6 || view.getUint32(0, true) !== MAGIC) throw new Error('not a zstd frame');
  const descriptor = view.getUint8(4);
  if ((descriptor & (RESERVED | DICTIONARY)) !== 0) throw new Error('zstd frame uses a dictionary or reserved bits');
  const sizeBytes = contentSizeBytes(descriptor);
  const sizeAt = 5 + ((descriptor & SINGLE_SEGMENT) === 0 ? 1 : 0);
  const blocksAt = sizeAt + sizeBytes;
  if (blocksAt > bytes.length) throw new Error('zstd frame is cut off');
  const end = endOfBlocks(view, blocksAt) + ((descriptor & CHECKSUM) === 0 ? 0 : 4);
  if (end > bytes.length) throw new Error('zstd frame is cut off');
  return { frameLength: end, contentSize: contentSizeAt(view, sizeAt, sizeBytes) };
}

/**
 * The same frame with its content size declared, which the encoder leaves out: as a single segment, whose window is
 * the whole content. Costs a copy.
 */
export function declareContentSize(frame: Uint8Array, size: number): Uint8Array {
  const { contentSize } = parseZstdFrame(frame);
  if (contentSize !== null) return frame;
  const descriptor = frame[4] ?? 0;
  const field = encodeContentSize(size);
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, field.flag | SINGLE_SEGMENT | (descriptor & CHECKSUM)]);
  return Buffer.concat([head, field.bytes, frame.subarray(6)]);
}

function contentSizeBytes(descriptor: number): number {
  const flag = descriptor >> 6;
  return flag === 0 ? ((descriptor & SINGLE_SEGMENT) === 0 ? 0 : 1) : 2 ** flag;
}

function contentSizeAt(view: DataView, at: number, bytes: number): number | null {
  if (bytes === 0) return null;
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true) + 256;
  return bytes === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}

function encodeContentSize(size: number): { flag: number; bytes: Buffer } {
  if (size < 256) return { flag: 0, bytes: Buffer.of(size) };
  const wide = size >= 65_536 + 256;
  const bytes = Buffer.alloc(wide ? 4 : 2);
  if (wide) bytes.writeUInt32LE(size);
  else bytes.writeUInt16LE(size - 256);
  return { flag: wide ? 0x80 : 0x40, bytes };
}

function endOfBlocks(view: DataView, start: number): number {
  for (let at = start; at + 3 <= view.byteLength;) {
    const header = view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16);
    const type = (header >> 1) & 3;
    if (type === RESERVED_BLOCK) throw new Error('zstd frame has a reserved block type');
    at += 3 + (type === RLE ? 1 : header >> 3);
    if ((header & 1) === 1) return at;
  }
  throw new Error('zstd frame is cut off');
}
