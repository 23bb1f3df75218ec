import { encodeCanonical, type Canonical } from '../canonical.ts';
import { Malformed, parseCanonical, readBytes, readFields, readHex, readList } from '../canonical-fields.ts';
import type { Bytes } from '../crypto/hash.ts';
import type { SealedObject } from '../crypto/object-cipher.ts';
import { hexToBytes, isHex32, type ObjectId, type RecordHash, type SpaceId } from '../ids.ts';
import { headFields, readHead } from '../log/head.ts';
import type { Head } from '../log/record.ts';
import type { AppendOutcome, ReadAnswer } from '../ports/remote.ts';
import { fail, ok, type Result } from '../result.ts';
import { HUB_LIMITS } from './limits.ts';

/**
 * The binary bodies between a node and a hub (docs/http-api.md): one canonical CBOR value each. Encoders take what
 * the ports speak of; decoders take foreign bytes, check every shape and length, and never throw. All cost O(size).
 *
 * head    = [term, position, hash] / null        page    = [head, [record…]]
 * append  = [head, [record…], [object…]]         object  = [id, bytes]
 *         / [head, [record…], [object…], [gone id…]]
 * outcome = [1, head] / [2, head, [record…]] / [3, [id…]]
 */
export interface AppendRequest {
  readonly expected: Head;
  readonly records: readonly Bytes[];
  readonly objects: readonly SealedObject[];
  readonly gone?: readonly ObjectId[];
}

export function encodePage(page: ReadAnswer): Bytes {
  return encodeCanonical([headToCanonical(page.head), page.records]);
}

export function decodePage(bytes: Bytes): Result<ReadAnswer, string> {
  return decode(bytes, HUB_LIMITS.answerBytes, (value) => {
    const [given, encoded] = readFields(value, 2);
    const [head, records] = [headOrNull(given), byteStrings(encoded, HUB_LIMITS.recordsPerPage)];
    if (head === null && records.length > 0) throw new Malformed('records of a log that has no head');
    return { head, records };
  });
}

export function encodeHead(head: Head | null): Bytes {
  return encodeCanonical(headToCanonical(head));
}

export function decodeHead(bytes: Bytes): Result<Head | null, string> {
  return decode(bytes, HUB_LIMITS.envelopeBytes, headOrNull);
}

export function encodeAppend(request: AppendRequest): Bytes {
  const { expected, records, objects, gone = [] } = request;
  const fields = [headToCanonical(expected), records, objects.map(objectToCanonical)];
  return encodeCanonical(gone.length === 0 ? fields : [...fields, gone.map((id) => hexToBytes(id))]);
}

export function decodeAppend(bytes: Bytes): Result<AppendRequest, string> {
  return decode(bytes, HUB_LIMITS.appendBytes, (value) => {
    const fields = readList(value, 4);
    const [expected, records, objects] = fields.length === 4 ? fields : readFields(value, 3);
    const head = headOrNull(expected);
    if (head === null) throw new Malformed('the expected head is missing');
    const gone = fields.length === 4 ? { gone: idList(fields[3], HUB_LIMITS.goneObjects) } : {};
    return { expected: head, records: byteStrings(records, HUB_LIMITS.recordsPerPage), objects: objectList(objects), ...gone };
  });
}

export function encodeOutcome(outcome: AppendOutcome): Bytes {
  if (outcome.type === 'appended') return encodeCanonical([1, headToCanonical(outcome.head)]);
  if (outcome.type === 'moved') return encodeCanonical([2, headToCanonical(outcome.head), outcome.missing]);
  return encodeCanonical([3, outcome.ids.map((id) => hexToBytes(id))]);
}

export function decodeOutcome(bytes: Bytes): Result<AppendOutcome, string> {
  return decode(bytes, HUB_LIMITS.answerBytes, (value): AppendOutcome => {
    const fields = readList(value, 3);
    if (fields[0] === 1) {
      const head = headOrNull(readFields(value, 2)[1]);
      if (head === null) throw new Malformed('the new head is missing');
      return { type: 'appended', head };
    }
    if (fields[0] === 2) {
      const [, head, missing] = readFields(value, 3);
      return { type: 'moved', head: headOrNull(head), missing: byteStrings(missing, HUB_LIMITS.recordsPerPage) };
    }
    if (fields[0] === 3) return { type: 'missing-objects', ids: idList(readFields(value, 2)[1], Number.POSITIVE_INFINITY) };
    throw new Malformed('unknown outcome');
  });
}

export function encodeIds(ids: readonly ObjectId[]): Bytes {
  return encodeCanonical(ids.map((id) => hexToBytes(id)));
}

export function decodeIds(bytes: Bytes, limit: number): Result<ObjectId[], string> {
  return decode(bytes, HUB_LIMITS.envelopeBytes, (value) => idList(value, limit));
}

/** One bit an id, in the order asked, the first in the lowest bit of the first byte. */
export function encodePresence(ids: readonly ObjectId[], present: ReadonlySet<ObjectId>): Bytes {
  const bits = new Uint8Array(Math.ceil(ids.length / 8));
  for (const [at, id] of ids.entries()) if (present.has(id)) bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
  return encodeCanonical(bits);
}

export function decodePresence(bytes: Bytes, ids: readonly ObjectId[]): Result<Set<ObjectId>, string> {
  return decode(bytes, HUB_LIMITS.envelopeBytes, (value) => {
    const bits = readBytes(value, Math.ceil(ids.length / 8));
    return new Set(ids.filter((_, at) => ((bits[at >> 3] ?? 0) >> (at & 7)) & 1));
  });
}

export function encodeObjects(objects: readonly SealedObject[]): Bytes {
  return encodeCanonical(objects.map(objectToCanonical));
}

export function decodeObjects(bytes: Bytes): Result<SealedObject[], string> {
  return decode(bytes, HUB_LIMITS.objectBatchBytes, objectList);
}

/** Some of the objects asked for, and those that are not there; the rest is to be asked for again. */
export interface ObjectAnswer {
  readonly objects: readonly SealedObject[];
  readonly absent: readonly ObjectId[];
}

export function encodeObjectAnswer(answer: ObjectAnswer): Bytes {
  return encodeCanonical([answer.objects.map(objectToCanonical), answer.absent.map((id) => hexToBytes(id))]);
}

export function decodeObjectAnswer(bytes: Bytes): Result<ObjectAnswer, string> {
  return decode(bytes, HUB_LIMITS.answerBytes, (value) => {
    const [objects, absent] = readFields(value, 2);
    return { objects: objectList(objects), absent: idList(absent, HUB_LIMITS.idsPerGet) };
  });
}

/** One line of the live stream, JSON and a line feed; an empty line is a heartbeat. `arrived`: what moved the head, in base64. */
export function encodeLiveLine(space: SpaceId, head: Head | null, arrived: AppendRequest | null = null): string {
  const segment = arrived === null ? {} : { segment: Buffer.from(encodeAppend(arrived)).toString('base64') };
  return `${JSON.stringify({ space, head, ...segment })}\n`;
}

export interface LiveLine {
  readonly space: SpaceId;
  readonly head: Head | null;
  /** What moved the head, and leads to it. */
  readonly arrived?: AppendRequest;
}

export function decodeLiveLine(line: string): Result<LiveLine, string> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return fail('a line of the live stream is not JSON');
  }
  if (typeof value !== 'object' || value === null || !('space' in value) || !('head' in value) || !isHex32(value.space)) {
    return fail('a line of the live stream has another shape');
  }
  const space = value.space as SpaceId;
  const { head } = value;
  if (head === null) return ok({ space, head });
  if (typeof head !== 'object' || head === undefined || !('term' in head) || !('position' in head) || !('hash' in head)) {
    return fail('a head of the live stream has another shape');
  }
  const { term, position, hash } = head;
  if (!isCount(term) || !isCount(position, -1) || !isHex32(hash)) return fail('a head of the live stream has another shape');
  const at = { term, position, hash: hash as RecordHash };
  if (!('segment' in value)) return ok({ space, head: at });
  const arrived = typeof value.segment === 'string' ? decodeAppend(Buffer.from(value.segment, 'base64')) : null;
  if (arrived === null || !arrived.ok || arrived.value.expected.position + arrived.value.records.length !== position) {
    return fail('a segment of the live stream has another shape');
  }
  return ok({ space, head: at, arrived: arrived.value });
}

function decode<T>(bytes: Bytes, limit: number, shape: (value: Canonical) => T): Result<T, string> {
  return parseCanonical('body', bytes, limit, shape);
}

function headToCanonical(head: Head | null): Canonical {
  return head === null ? null : headFields(head);
}

function headOrNull(value: Canonical | undefined): Head | null {
  return value === null ? null : readHead(value);
}

function objectToCanonical(object: SealedObject): Canonical {
  return [hexToBytes(object.id), object.bytes];
}

function objectList(value: Canonical | undefined): SealedObject[] {
  return readList(value, HUB_LIMITS.objectsPerBatch).map((entry) => {
    const [id, bytes] = readFields(entry, 2);
    return { id: readHex(id) as ObjectId, bytes: readBytes(bytes) };
  });
}

function idList(value: Canonical | undefined, limit: number): ObjectId[] {
  return readList(value, limit).map((id) => readHex(id) as ObjectId);
}

function byteStrings(value: Canonical | undefined, limit: number): Uint8Array[] {
  return readList(value, limit).map((entry) => readBytes(entry));
}

function isCount(value: unknown, least = 0): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}
