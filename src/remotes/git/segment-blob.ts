import type { RecordHash } from '../../core/ids.ts';
import { isHex32 } from '../../core/ids.ts';
import { decodeRecord, type Head, type LogRecord } from '../../core/log/record.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import type { CheckedRecord } from '../checks.ts';
import { foreign } from './git-object.ts';

/** The most that a segment may have: its records and their lengths. */
export const SEGMENT_BYTES = REMOTE_LIMITS.segmentBytes + 4 * REMOTE_LIMITS.segmentRecords;

/** One append's records: (length (4) ‖ encoded record)*. */
export function encodeSegment(records: readonly CheckedRecord[]): Buffer {
  return Buffer.concat(
    records.flatMap(({ bytes }) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

/** The encoded records of a segment that begins at `first`. Its first and its last one are decoded. Throws `protocol` where they do not fit. */
export function decodeSegment(
  path: string,
  first: number,
  bytes: Uint8Array,
): { readonly records: readonly Uint8Array[]; readonly last: LogRecord } {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: Buffer[] = [];
  for (let at = 0; at < raw.length;) {
    const end = at + 4 > raw.length ? Infinity : at + 4 + raw.readUInt32BE(at);
    if (end > raw.length) throw foreign(`${path} is cut off`);
    records.push(raw.subarray(at + 4, end));
    at = end;
  }
  const begin = decodeRecord(records[0] ?? new Uint8Array(0));
  const last = decodeRecord(records.at(-1) ?? new Uint8Array(0));
  if (!begin.ok || !last.ok) throw foreign(`${path} holds something else than records`);
  if (begin.value.header.position !== first || last.value.header.position !== first + records.length - 1) {
    throw foreign(`${path} holds other records than those that belong there`);
  }
  return { records, last: last.value };
}

/** What a space's commit says of itself, beside its files. */
export interface SpaceNote {
  readonly head: Head | null;
  /** Commits since the last one that continues nothing, and bytes that they hold and its files do not. */
  readonly commits: number;
  readonly waste: number;
}

const TITLE = 'satchel space 1';

export function encodeNote({ head, commits, waste }: SpaceNote): string {
  const at = head === null ? 'none' : `${head.term} ${head.position} ${head.hash}`;
  return `${TITLE}\n\nhead ${at}\ncommits ${commits}\nwaste ${waste}`;
}

/** Throws `protocol` for a message that Satchel did not write. */
export function decodeNote(message: string): SpaceNote {
  const match = /^satchel space 1\n\nhead (?:none|(\d{1,15}) (\d{1,15}) ([0-9a-f]{64}))\ncommits (\d{1,15})\nwaste (\d{1,15})$/.exec(
    message,
  );
  if (match === null) throw foreign('the newest commit of the space was made by something else');
  const [, term, position, hash, commits, waste] = match;
  if (hash !== undefined && !isHex32(hash)) throw foreign('the newest commit of the space names no head');
  const head = hash === undefined ? null : { term: Number(term), position: Number(position), hash: hash as RecordHash };
  return { head, commits: Number(commits), waste: Number(waste) };
}
