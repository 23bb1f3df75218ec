import { decodeCanonical, encodeCanonical, type Canonical } from '../../core/canonical.ts';
import { bytesToHex, hexToBytes, type RecordHash } from '../../core/ids.ts';
import { decodeRecord, headAfter, type Head } from '../../core/log/record.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import { encodeFrame, readFrame, readFrameHead, torn } from './frame.ts';
import type { CheckedRecord } from '../checks.ts';

/** What stands in front of a segment's records, so that heads and pages are found without reading them. */
export interface SegmentInfo {
  /** Position of its first record. */
  readonly first: number;
  /** The head of the log as of this segment. */
  readonly head: Head;
}

/** One append's records. payload: (length (4) ‖ record)*; head: canonical [first, last, term, hash]. */
export function encodeSegment(records: readonly CheckedRecord[]): Buffer {
  const first = (records[0] as CheckedRecord).record.header.position;
  const { term, position, hash } = headAfter((records.at(-1) as CheckedRecord).record);
  const parts: Uint8Array[] = [];
  for (const { bytes } of records) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  }
  return encodeFrame('SEG1', encodeCanonical([first, position, term, hexToBytes(hash)]), Buffer.concat(parts));
}

export async function readSegmentInfo(path: string): Promise<SegmentInfo | null> {
  const frame = await readFrameHead(path, 'SEG1');
  return frame === null ? null : parseInfo(path, frame.head);
}

/** Info and encoded records, as many as the info says; the last one is the head that the info names. */
export async function readSegment(path: string): Promise<{ readonly info: SegmentInfo; readonly records: Buffer[] } | null> {
  const frame = await readFrame(path, 'SEG1');
  if (frame === null) return null;
  const info = parseInfo(path, frame.head);
  const records: Buffer[] = [];
  for (let at = 0; at < frame.payload.length;) {
    if (at + 4 > frame.payload.length) throw torn(path, 'its last record is cut off');
    const end = at + 4 + frame.payload.readUInt32BE(at);
    if (end > frame.payload.length) throw torn(path, 'its last record is cut off');
    records.push(frame.payload.subarray(at + 4, end));
    at = end;
  }
  const last = decodeRecord(records.at(-1) ?? new Uint8Array(0));
  const whole = records.length === info.head.position - info.first + 1 && last.ok && last.value.hash === info.head.hash;
  if (!whole) throw torn(path, 'it does not hold the records that it names');
  return { info, records };
}

function parseInfo(path: string, head: Buffer): SegmentInfo {
  const decoded = decodeCanonical(head, 1024);
  const fields: Canonical = decoded.ok ? decoded.value : null;
  if (!Array.isArray(fields) || fields.length !== 4) throw torn(path, 'its head is malformed');
  const [first, position, term, hash] = fields as Canonical[];
  const wellFormed =
    isCount(first) &&
    isCount(position) &&
    isCount(term) &&
    hash instanceof Uint8Array &&
    hash.length === 32 &&
    position >= first &&
    position - first < REMOTE_LIMITS.segmentRecords;
  if (!wellFormed) throw torn(path, 'its head is malformed');
  return { first, head: { term, position, hash: bytesToHex(hash) as RecordHash } };
}

function isCount(value: Canonical | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
