import { encodeCanonical, type Canonical } from '../canonical.ts';
import { Malformed, parseCanonical, readBytes, readCount, readHex, readHexOrNull, readList } from '../canonical-fields.ts';
import { sha256Hex, type Bytes } from '../crypto/hash.ts';
import { verifySignature, type SigningKey } from '../crypto/signing.ts';
import { hexToBytes, ZERO_HASH, type CommitId, type MachineId, type ObjectId, type RecordHash, type SpaceId } from '../ids.ts';
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

/** A record as it was decoded, which knows the bytes: a copy of it, with other fields maybe, does not. */
class DecodedRecord implements LogRecord {
  readonly header: RecordHeader;
  readonly headerBytes: Bytes;
  readonly signature: Bytes;
  readonly body: Bytes;
  readonly hash: RecordHash;
  readonly #from: Bytes;

  constructor({ header, headerBytes, signature, body, hash }: LogRecord, from: Bytes) {
    this.header = header;
    this.headerBytes = headerBytes;
    this.signature = signature;
    this.body = body;
    this.hash = hash;
    this.#from = from;
  }

  static bytesOf(record: LogRecord): Bytes | null {
    return #from in record ? record.#from : null;
  }
}

/** What `record` was decoded from, which needs no check again; `null` where it was made otherwise. */
export function decodedFrom(record: LogRecord): Bytes | null {
  return DecodedRecord.bytesOf(record);
}

/** Foreign bytes → record, with all lengths and the body hash checked; the signature is not. Never throws. */
export function decodeRecord(bytes: Bytes): Result<LogRecord, string> {
  const parts = parseCanonical('record', bytes, LIMITS.recordBytes, (value) => {
    const f = readList(value, 4);
    if (f.length !== 4 || f[0] !== VERSION) throw new Malformed('unknown version');
    return { headerBytes: readBytes(f[1]), signature: readBytes(f[2]), body: readBytes(f[3]) };
  });
  if (!parts.ok) return parts;
  const { headerBytes, signature, body } = parts.value;
  const header = parseCanonical('record header', headerBytes, LIMITS.recordBytes, parseHeader);
  if (!header.ok) return header;
  if (body.length !== header.value.bodyLength || sha256Hex(body) !== header.value.bodyHash)
    return fail('record: body does not match its header');
  const record = { header: header.value, headerBytes, signature, body, hash: recordHash(headerBytes, signature) };
  return ok(new DecodedRecord(record, bytes));
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

function parseHeader(value: Canonical): RecordHeader {
  const f = readList(value, 13);
  if (f.length !== 13 || f[0] !== VERSION) throw new Malformed('unknown version');
  const [, type, space, id, position, previous, term, signer, keyId, bodyHash, bodyLength, objects, previousControl] = f;
  if (type !== 1 && type !== 2) throw new Malformed('unknown type');
  const header: RecordHeader = {
    type: type === 1 ? 'commit' : 'control',
    space: readHex(space) as SpaceId,
    id: readHex(id, 16) as CommitId,
    position: readCount(position),
    previous: readHex(previous) as RecordHash,
    term: readCount(term),
    signer: readHex(signer) as MachineId,
    keyId: readCount(keyId),
    bodyHash: readHex(bodyHash),
    bodyLength: readCount(bodyLength),
    objects: readList(objects, LIMITS.objectsPerRecord).map((object) => readHex(object) as ObjectId),
    previousControl: readHexOrNull(previousControl) as RecordHash | null,
  };
  const isChained = header.previousControl !== null;
  if (header.type === 'commit' ? isChained : !isChained && header.position !== 0)
    throw new Malformed('its place in the control chain is wrong');
  return header;
}
