import { equalBytes, sha256 } from '../../core/crypto/hash.ts';
import { PlaceDamaged } from '../../core/ports/remote.ts';
import { FRAME_MAGIC, FRAME_PREFIX, encodeFrame as encodeAnyFrame } from '../frame-bytes.ts';
import { openFile } from './open-file.ts';

/** Every file of a folder remote is one frame (docs/formats-folder.md), so that a torn or half-copied one is known by itself. */
export type FrameKind = 'SEG1' | 'PAK1' | 'IDX1' | 'DEL1' | 'CKP1' | 'LTR1';

export interface FrameHead {
  readonly head: Buffer;
  readonly payloadOffset: number;
  readonly payloadLength: number;
  readonly payloadHash: Buffer;
}

const HASH = 32;
const FIRST_READ = 4096;
const MIB = 1024 * 1024;
const HEAD_LIMIT = 16 * MIB;
/** What a reader would allocate at most, whatever a file says. */
const PAYLOAD_LIMIT: Readonly<Record<FrameKind, number>> = {
  SEG1: 16 * MIB,
  PAK1: 16 * MIB,
  IDX1: 512 * MIB,
  DEL1: MIB,
  CKP1: 64 * MIB,
  LTR1: 64 * 1024,
};

export const encodeFrame: (kind: FrameKind, head: Uint8Array, payload: Uint8Array) => Buffer = encodeAnyFrame;

/** Reads and checks everything but the payload, whose length is checked. `null` where there is no such file. */
export async function readFrameHead(path: string, kind: FrameKind): Promise<FrameHead | null> {
  return withFile(path, async (read, size) => {
    const start = await read(0, Math.min(FIRST_READ, size));
    if (start.length < FRAME_PREFIX || start.toString('latin1', 0, 12) !== FRAME_MAGIC + kind)
      throw torn(path, `it does not begin as ${kind}`);
    const headLength = start.readUInt32BE(12);
    const payloadLength = Number(start.readBigUInt64BE(16));
    const payloadOffset = FRAME_PREFIX + headLength + HASH;
    if (headLength > HEAD_LIMIT || payloadLength > PAYLOAD_LIMIT[kind] || payloadOffset + payloadLength !== size) {
      throw torn(path, `${size} bytes are there, ${payloadOffset + payloadLength} were announced`);
    }
    const front = payloadOffset <= start.length ? start.subarray(0, payloadOffset) : await read(0, payloadOffset);
    const checked = front.subarray(0, FRAME_PREFIX + headLength);
    if (!equalBytes(sha256(checked), front.subarray(checked.length))) throw torn(path, 'its checksum differs');
    return { head: checked.subarray(FRAME_PREFIX), payloadOffset, payloadLength, payloadHash: front.subarray(24, 24 + HASH) };
  });
}

/** The whole frame, checked. `null` where there is no such file. */
export async function readFrame(path: string, kind: FrameKind): Promise<{ readonly head: Buffer; readonly payload: Buffer } | null> {
  const frame = await readFrameHead(path, kind);
  if (frame === null) return null;
  const payload = await withFile(path, (read) => read(frame.payloadOffset, frame.payloadLength));
  if (payload === null) return null;
  if (!equalBytes(sha256(payload), frame.payloadHash)) throw torn(path, 'its checksum differs');
  return { head: frame.head, payload };
}

/** Parts of a file: `null` where there is no such file; a short one is named as torn. */
export async function readRanges(path: string, ranges: readonly { offset: number; length: number }[]): Promise<Buffer[] | null> {
  return withFile(path, async (read) => {
    const parts: Buffer[] = [];
    for (const { offset, length } of ranges) parts.push(await read(offset, length));
    return parts;
  });
}

type Read = (offset: number, length: number) => Promise<Buffer>;

async function withFile<T>(path: string, work: (read: Read, size: number) => Promise<T>): Promise<T | null> {
  const file = await openFile(path);
  if (file === null) return null;
  try {
    const { size } = await file.stat();
    const read: Read = async (offset, length) => {
      if (offset + length > size) throw torn(path, `${size} bytes are there, ${offset + length} belong there`);
      const buffer = Buffer.alloc(length);
      for (let done = 0; done < length;) {
        const { bytesRead } = await file.read(buffer, done, length - done, offset + done);
        if (bytesRead === 0) throw torn(path, `it ends at ${offset + done} of ${offset + length} bytes`);
        done += bytesRead;
      }
      return buffer;
    };
    return await work(read, size);
  } finally {
    await file.close();
  }
}

export function torn(path: string, how: string): PlaceDamaged {
  return new PlaceDamaged(`${path} is damaged (${how}): copy it again from where the folder came from, or restore it`);
}
