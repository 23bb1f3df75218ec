import { sha256Hex } from '../core/crypto/hash.ts';
import type { SealedObject } from '../core/crypto/object-cipher.ts';
import { isHex32, ZERO_HASH, type ObjectId, type SpaceId } from '../core/ids.ts';
import { LIMITS } from '../core/limits.ts';
import { decodedFrom, decodeRecord, encodeRecord, type Head, type LogRecord } from '../core/log/record.ts';
import { RemoteError, type ReadLimit, type Segment } from '../core/ports/remote.ts';
import { REMOTE_LIMITS } from './limits.ts';

/**
 * What a remote checks before it takes anything: shapes, sizes, and that records continue the head. Each function
 * throws a RemoteError of type `refused` that names what is wrong.
 */
export interface CheckedRecord {
  readonly record: LogRecord;
  readonly bytes: Uint8Array;
}

/** Space ids become keys and folder names: nothing but 32 bytes as hex passes. */
export function checkSpace(space: SpaceId): void {
  if (!isHex32(space)) throw refused('a space id is 64 hex characters');
}

export function checkObjectIds(ids: readonly ObjectId[], limit = Number.POSITIVE_INFINITY): void {
  if (ids.length > limit) throw refused(`${ids.length} objects were asked for at once; at most ${limit} are answered`);
  if (!ids.every(isHex32)) throw refused('an object id is 64 hex characters');
}

/** Hashes every object: about 1 ms a megabyte. */
export function checkObjects(objects: readonly SealedObject[], batchBytes: number): void {
  if (objects.length > REMOTE_LIMITS.objectsPerBatch) throw refused(`a batch of more than ${REMOTE_LIMITS.objectsPerBatch} objects`);
  let total = 0;
  for (const { id, bytes } of objects) {
    if (!isHex32(id)) throw refused('an object id is 64 hex characters');
    if (bytes.length > LIMITS.objectCiphertext)
      throw refused(`object ${id} has ${bytes.length} bytes; at most ${LIMITS.objectCiphertext} are taken`);
    total += bytes.length;
    if (total > batchBytes) throw refused(`a batch of objects has more than ${batchBytes} bytes`);
    if (sha256Hex(bytes) !== id) throw refused(`object ${id} does not match its id`);
  }
}

/** The page that is really read. A page of nothing is refused: callers would ask for ever. */
export function checkRead(from: number, limit: ReadLimit): ReadLimit {
  if (!isCount(from)) throw refused('a log is read from a position of 0 or more');
  if (!(limit.records >= 1) || !(limit.bytes >= 1)) throw refused('a page of a log has room for one record at least');
  return { records: Math.min(Math.floor(limit.records), REMOTE_LIMITS.readRecords), bytes: Math.min(limit.bytes, REMOTE_LIMITS.readBytes) };
}

/**
 * That the segment continues `expected` as a chain, keeps the limits, and begins a log with its genesis. Signatures
 * and what they may do are for the readers to judge. Records come back as decoded from their bytes, so that what is
 * stored is what was checked. O(bytes).
 */
export function checkSegment(space: SpaceId, expected: Head, segment: Segment): CheckedRecord[] {
  checkSpace(space);
  if (!isHex32(expected.hash) || !Number.isSafeInteger(expected.position) || expected.position < -1 || !isCount(expected.term)) {
    throw refused('the expected head is malformed');
  }
  if (expected.position === -1 && (expected.hash !== ZERO_HASH || expected.term !== 0)) throw refused('the expected head is malformed');
  const { length } = segment.records;
  if (length === 0) throw refused('a segment holds one record at least');
  if (length > REMOTE_LIMITS.segmentRecords)
    throw refused(`a segment of ${length} records; at most ${REMOTE_LIMITS.segmentRecords} are taken`);
  checkObjects(segment.objects, REMOTE_LIMITS.segmentObjectBytes);
  const checked: CheckedRecord[] = [];
  let previous = expected;
  let total = 0;
  for (const given of segment.records) {
    const next = checkRecord(space, previous, given);
    total += next.bytes.length;
    if (total > REMOTE_LIMITS.segmentBytes) throw refused(`a segment of more than ${REMOTE_LIMITS.segmentBytes} bytes`);
    checked.push(next);
    previous = { term: next.record.header.term, position: next.record.header.position, hash: next.record.hash };
  }
  return checked;
}

function checkRecord(space: SpaceId, previous: Head, given: LogRecord): CheckedRecord {
  const checked = decodedOnce(given);
  const broken = whatBreaksChain(space, previous, checked.record);
  if (broken !== null) throw refused(`record ${checked.record.header.position}: ${broken}`);
  return checked;
}

/** A record that was just decoded from a request is what its bytes say already. */
function decodedOnce(given: LogRecord): CheckedRecord {
  const known = decodedFrom(given);
  if (known !== null) return { record: given, bytes: known };
  const bytes = encodeRecord(given);
  if (bytes.length > LIMITS.recordBytes) throw refused(`a record of ${bytes.length} bytes; at most ${LIMITS.recordBytes} are taken`);
  const decoded = decodeRecord(bytes);
  if (!decoded.ok) throw refused(decoded.error);
  return { record: decoded.value, bytes };
}

/** Why `record` does not come right after `previous` in the log of `space`; `null` where it does. */
export function whatBreaksChain(space: SpaceId, previous: Head, { header, hash }: LogRecord): string | null {
  if (header.position !== previous.position + 1) return `does not follow position ${previous.position}`;
  if (header.previous !== previous.hash) return 'names another previous record than the head';
  if (header.term < previous.term) return `its term ${header.term} is older than ${previous.term}`;
  if (header.term > previous.term && header.type !== 'control') return 'only a control record begins a term';
  if (header.term > previous.term + LIMITS.termStep) return `its term ${header.term} is too far from ${previous.term}`;
  if (header.position > 0) return header.space === space ? null : 'belongs to another space';
  if (header.type !== 'control' || header.space !== ZERO_HASH) return 'a log begins with a genesis record';
  return (hash as string) === space ? null : 'this genesis is of another space';
}

/** Every object that the records name, once; those that are gone by a later record left out. */
export function objectsNamed(records: readonly CheckedRecord[], gone: readonly ObjectId[] = []): ObjectId[] {
  const named = new Set(records.flatMap(({ record }) => record.header.objects));
  for (const id of gone) named.delete(id);
  return [...named];
}

export function checkCheckpoint(position: number, bytes: Uint8Array): void {
  if (!isCount(position)) throw refused('a checkpoint has a position of 0 or more');
  if (bytes.length === 0 || bytes.length > REMOTE_LIMITS.checkpointBytes) {
    throw refused(`a checkpoint of ${bytes.length} bytes; 1 to ${REMOTE_LIMITS.checkpointBytes} are taken`);
  }
}

export function checkMailbox(mailbox: string): void {
  if (!isHex32(mailbox)) throw refused('a mailbox id is 64 hex characters');
}

const SLOT = /^[a-z0-9][a-z0-9_-]{0,63}$/;

export function checkSlot(slot: string): void {
  if (!SLOT.test(slot)) throw refused('a slot is 1 to 64 of a-z, 0-9, "_" and "-", and begins with a letter or digit');
}

export function checkLetter(letter: Uint8Array, expires: number, now: number): void {
  if (letter.length > REMOTE_LIMITS.letterBytes)
    throw refused(`a letter of ${letter.length} bytes; at most ${REMOTE_LIMITS.letterBytes} are taken`);
  if (!isCount(expires) || expires <= now) throw refused('the letter has expired already, by the clock of this remote');
  if (expires > now + REMOTE_LIMITS.letterLifetime) throw refused('a letter is kept for 30 days at most');
}

export function refused(message: string): RemoteError {
  return new RemoteError('refused', message);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
