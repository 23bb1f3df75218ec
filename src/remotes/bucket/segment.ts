import { encodeCanonical } from '../../core/canonical.ts';
import { Malformed, parseCanonical, readBytes, readCount, readFields, readHex } from '../../core/canonical-fields.ts';
import { bytesToHex, hexToBytes, type ObjectId, type RecordHash } from '../../core/ids.ts';
import { decodeRecord, type Head } from '../../core/log/record.ts';
import { encodeFrame, parseFrame, type ParsedFrame } from '../frame-bytes.ts';
import { REMOTE_LIMITS } from '../limits.ts';

/** What stands in front of a segment, so that heads and pages are found without its records. */
export interface SegmentInfo {
  /** Position of its first record; of the next one, where it holds none. */
  readonly first: number;
  /** The head of the log as of this segment. */
  readonly head: Head;
  /** The newest segment before this one that dropped objects, or `null`. */
  readonly dropBefore: number | null;
  /**
   * 16 random bytes (hex), which tell whose blob it is where an answer got lost: equal records may be sent by two who carry the
   * same commit. In a bucket that was restored, what was sent again is another blob by them. Of a rollup zeros.
   */
  readonly nonce: string;
}

/** `LOG1`: one append, or one deletion. `ROL1`: many of them in one, for readers. */
export type SegmentKind = 'LOG1' | 'ROL1';

/** An object as it was put for the n-th time (from 0): what was deleted once is put again under the next one. */
export interface Dropped {
  readonly id: ObjectId;
  readonly generation: number;
}

export interface Segment {
  readonly info: SegmentInfo;
  readonly records: readonly Uint8Array[];
  /** Of one without records: what it takes away. */
  readonly dropped: readonly Dropped[];
}

const KIB = 1024;
/** So much of a segment holds its head at least; all of most. */
export const SEGMENT_START = 256 * KIB;
const PAYLOAD_LIMIT = { LOG1: 16 * KIB * KIB, ROL1: 32 * KIB * KIB } as const;
const NONCE = 16;
const NO_NONCE = '00'.repeat(NONCE);
const DROPPED = 36;

export function encodeSegment(info: SegmentInfo, records: readonly Uint8Array[]): Buffer {
  return encodeFrame('LOG1', infoBytes(info), recordBytes(records));
}

export function encodeDropSegment(info: SegmentInfo, dropped: readonly Dropped[]): Buffer {
  const payload = Buffer.alloc(dropped.length * DROPPED);
  for (const [at, { id, generation }] of dropped.entries()) {
    payload.set(hexToBytes(id), at * DROPPED);
    payload.writeUInt32BE(generation, at * DROPPED + 32);
  }
  return encodeFrame('LOG1', infoBytes(info), payload);
}

/** The same segments make the same bytes, whoever rolls them up. */
export function encodeRollup(info: SegmentInfo, records: readonly Uint8Array[]): Buffer {
  return encodeFrame('ROL1', infoBytes({ ...info, nonce: NO_NONCE }), recordBytes(records));
}

/** Foreign bytes → the head of a segment, from its beginning; what is wrong otherwise. Never throws. */
export function parseSegmentInfo(start: Uint8Array, isWhole: boolean, kind: SegmentKind): SegmentInfo | string {
  const frame = parseFrame(start, isWhole, kind, PAYLOAD_LIMIT[kind]);
  return typeof frame === 'string' ? frame : infoOf(frame, kind);
}

/** Foreign bytes → segment, as many records as its head says, the last one being the head of the log. Never throws. */
export function parseSegment(bytes: Uint8Array, kind: SegmentKind): Segment | string {
  const frame = parseFrame(bytes, true, kind, PAYLOAD_LIMIT[kind]);
  if (typeof frame === 'string') return frame;
  const info = infoOf(frame, kind);
  if (typeof info === 'string') return info;
  const payload = frame.payload ?? Buffer.alloc(0);
  if (isDrop(info) && kind === 'LOG1') return parseDropped(info, payload);
  const records: Buffer[] = [];
  for (let at = 0; at < payload.length;) {
    if (at + 4 > payload.length) return 'its last record is cut off';
    const end = at + 4 + payload.readUInt32BE(at);
    if (end > payload.length) return 'its last record is cut off';
    records.push(payload.subarray(at + 4, end));
    at = end;
  }
  if (records.length !== countOf(info)) return 'it holds another number of records than it says';
  if (records.length > 0) {
    const last = decodeRecord(records.at(-1) as Buffer);
    if (!last.ok || last.value.hash !== info.head.hash) return 'its last record is not the head that it names';
  }
  return { info, records, dropped: [] };
}

export function isDrop(info: SegmentInfo): boolean {
  return countOf(info) === 0;
}

function countOf({ first, head }: SegmentInfo): number {
  return head.position - first + 1;
}

function parseDropped(info: SegmentInfo, payload: Buffer): Segment | string {
  if (payload.length % DROPPED !== 0) return 'it is no list of dropped objects';
  const dropped = Array.from({ length: payload.length / DROPPED }, (_, at) => ({
    id: bytesToHex(payload.subarray(at * DROPPED, at * DROPPED + 32)) as ObjectId,
    generation: payload.readUInt32BE(at * DROPPED + 32),
  }));
  return { info, records: [], dropped };
}

function infoBytes({ first, head, dropBefore, nonce }: SegmentInfo): Uint8Array {
  return encodeCanonical([first, head.position + 1, head.term, hexToBytes(head.hash), dropBefore, hexToBytes(nonce)]);
}

function infoOf({ head: bytes }: ParsedFrame, kind: SegmentKind): SegmentInfo | string {
  const parsed = parseCanonical('head', bytes, KIB, (value): SegmentInfo => {
    const [first, next, term, hash, dropBefore, nonce] = readFields(value, 6);
    const info = {
      first: readCount(first),
      head: { position: readCount(next) - 1, term: readCount(term), hash: readHex(hash) as RecordHash },
      dropBefore: dropBefore === null ? null : readCount(dropBefore),
      nonce: bytesToHex(readBytes(nonce, NONCE)),
    };
    const count = countOf(info);
    if (count < 0 || (kind === 'LOG1' && count > REMOTE_LIMITS.segmentRecords)) throw new Malformed('positions that cannot be');
    if (info.head.position < 0) throw new Malformed('no record so far');
    return info;
  });
  return parsed.ok ? parsed.value : `its head is malformed: ${parsed.error}`;
}

function recordBytes(records: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const record of records) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(record.length);
    parts.push(length, record);
  }
  return Buffer.concat(parts);
}
