import { decodeCanonical, encodeCanonical, type Canonical } from '../canonical.ts';
import { sha256, sha256Hex, type Bytes } from '../crypto/hash.ts';
import { verifySignature, type SigningKey } from '../crypto/signing.ts';
import { bytesToHex, hexToBytes, ZERO_HASH, type CommitId, type MachineId, type ObjectId, type RecordHash, type SpaceId } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';

/**
 * An element of the log (docs/formats.md § Records). Header and signature make its hash, and the header holds the
 * hash of the body, so that a chain of headers proves everything.
 */
export interface RecordHeader {
  readonly type: 'commit' | 'control';
  /** {@link ZERO_HASH} in a genesis, whose hash is the space's id. */
  readonly space: SpaceId;
  /** Random; of a control record too: appends are idempotent by it. */
  readonly id: CommitId;
  /** 0 for the genesis, then one more each. */
  readonly position: number;
  readonly previous: RecordHash;
  /** Grows by one with each move of the home remote. */
  readonly term: number;
  readonly signer: MachineId;
  /** The epoch whose key encrypts the body; the current one of a control record. */
  readonly keyId: number;
  readonly bodyHash: string;
  readonly bodyLength: number;
  /** Encrypted objects that this record names for the first time or again: they must be durable before it. */
  readonly objects: readonly ObjectId[];
  /** Of control records: the hash of the control record before it, so that they prove themselves without commits. */
  readonly previousControl: RecordHash | null;
}

export interface LogRecord {
  readonly header: RecordHeader;
  readonly headerBytes: Bytes;
  readonly signature: Bytes;
  /** Encrypted metadata of a commit; canonical payload of a control record. */
  readonly body: Bytes;
  readonly hash: RecordHash;
}

/** The head of a log: what a remote compares. */
export interface Head {
  readonly term: number;
  /** Of the newest record; −1 for a log without any. */
  readonly position: number;
  readonly hash: RecordHash;
}

export const EMPTY_HEAD: Head = { term: 0, position: -1, hash: ZERO_HASH as RecordHash };

const SIGNATURE_TAG = 'satchel/v1/record';
const VERSION = 1;

/** Signs a record. `previous` and `position` come from the head that it will be appended to. */
export function sealRecord(fields: Omit<RecordHeader, 'bodyHash' | 'bodyLength' | 'signer'>, body: Bytes, key: SigningKey): LogRecord {
  const header: RecordHeader = { ...fields, signer: key.machine, bodyHash: sha256Hex(body), bodyLength: body.length };
  const headerBytes = encodeHeader(header);
  const signature = key.sign(SIGNATURE_TAG, headerBytes);
  return { header, headerBytes, signature, body, hash: recordHash(headerBytes, signature) };
}

/** The chain's hash of a record. */
export function recordHash(headerBytes: Bytes, signature: Bytes): RecordHash {
  return sha256Hex('satchel/v1/record-hash\0', headerBytes, signature) as RecordHash;
}

/** True where the signer named in the header signed it. Says nothing of what the signer may do. */
export function hasValidSignature(record: LogRecord): boolean {
  return verifySignature(record.header.signer, SIGNATURE_TAG, record.headerBytes, record.signature);
}

export function headAfter(record: LogRecord): Head {
  return { term: record.header.term, position: record.header.position, hash: record.hash };
}

/** Record → the bytes that travel and lie in stores. */
export function encodeRecord(record: LogRecord): Bytes {
  return encodeCanonical([VERSION, record.headerBytes, record.signature, record.body]);
}

/** Foreign bytes → record, with all lengths and the body hash checked; the signature is not. Never throws. */
export function decodeRecord(bytes: Bytes): Result<LogRecord, string> {
  const decoded = decodeCanonical(bytes, LIMITS.recordBytes);
  if (!decoded.ok) return fail(`record: ${decoded.error}`);
  const fields = decoded.value;
  if (!Array.isArray(fields) || fields.length !== 4 || fields[0] !== VERSION) return fail('record: unknown version');
  const [, headerBytes, signature, body] = fields as Canonical[];
  if (!(headerBytes instanceof Uint8Array) || !(signature instanceof Uint8Array) || !(body instanceof Uint8Array)) {
    return fail('record: fields have wrong types');
  }
  const header = decodeHeader(headerBytes);
  if (!header.ok) return header;
  if (body.length !== header.value.bodyLength || bytesToHex(sha256(body)) !== header.value.bodyHash)
    return fail('record: body does not match its header');
  return ok({ header: header.value, headerBytes, signature, body, hash: recordHash(headerBytes, signature) });
}

function encodeHeader(h: RecordHeader): Bytes {
  return encodeCanonical([
    VERSION,
    h.type === 'commit' ? 1 : 2,
    hexToBytes(h.space),
    hexToBytes(h.id),
    h.position,
    hexToBytes(h.previous),
    h.term,
    hexToBytes(h.signer),
    h.keyId,
    hexToBytes(h.bodyHash),
    h.bodyLength,
    h.objects.map((id) => hexToBytes(id)),
    h.previousControl === null ? null : hexToBytes(h.previousControl),
  ]);
}

function decodeHeader(bytes: Bytes): Result<RecordHeader, string> {
  const decoded = decodeCanonical(bytes, LIMITS.recordBytes);
  if (!decoded.ok) return fail(`record header: ${decoded.error}`);
  const f = decoded.value;
  if (!Array.isArray(f) || f.length !== 13 || f[0] !== VERSION) return fail('record header: unknown version');
  const [, type, space, id, position, previous, term, signer, keyId, bodyHash, bodyLength, objects, previousControl] = f as Canonical[];
  const wellFormed =
    (type === 1 || type === 2) &&
    isBytes(space, 32) &&
    isBytes(id, 16) &&
    isCount(position) &&
    isBytes(previous, 32) &&
    isCount(term) &&
    isBytes(signer, 32) &&
    isCount(keyId) &&
    isBytes(bodyHash, 32) &&
    isCount(bodyLength) &&
    Array.isArray(objects) &&
    objects.length <= LIMITS.objectsPerRecord &&
    objects.every((object) => isBytes(object, 32)) &&
    (type === 1 ? previousControl === null : previousControl === null ? position === 0 : isBytes(previousControl, 32));
  if (!wellFormed) return fail('record header: fields have wrong types');
  return ok({
    type: type === 1 ? 'commit' : 'control',
    space: hexOf(space) as SpaceId,
    id: hexOf(id) as CommitId,
    position: position as number,
    previous: hexOf(previous) as RecordHash,
    term: term as number,
    signer: hexOf(signer) as MachineId,
    keyId: keyId as number,
    bodyHash: hexOf(bodyHash),
    bodyLength: bodyLength as number,
    objects: (objects as Uint8Array[]).map((object) => hexOf(object) as ObjectId),
    previousControl: previousControl === null ? null : (hexOf(previousControl) as RecordHash),
  });
}

function isBytes(value: Canonical | undefined, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}

function isCount(value: Canonical | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function hexOf(value: Canonical | undefined): string {
  return bytesToHex(value as Uint8Array);
}
