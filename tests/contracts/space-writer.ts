import { randomBytes } from 'node:crypto';
import { encodeCanonical } from '../../src/core/canonical.ts';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import type { SealedObject } from '../../src/core/crypto/object-cipher.ts';
import { createSigningKey, type SigningKey } from '../../src/core/crypto/signing.ts';
import { bytesToHex, ZERO_HASH, type CommitId, type MachineId, type ObjectId, type RecordHash, type SpaceId } from '../../src/core/ids.ts';
import { encodeControl, FORMAT, type ControlPayload } from '../../src/core/log/control.ts';
import { EMPTY_HEAD, headAfter, sealRecord, type Head, type LogRecord, type RecordHeader } from '../../src/core/log/record.ts';
import type { Segment } from '../../src/core/ports/remote.ts';

export interface SpaceWriter extends RecordWriter {
  readonly genesis: LogRecord;
}

export interface RecordWriter {
  readonly space: SpaceId;
  /** A record that continues `head`; every field may be set wrong on purpose. */
  record(head: Head, fields?: Partial<RecordHeader>, body?: Uint8Array): LogRecord;
  /** So many commits behind `head`. */
  chain(head: Head, count: number, bodyBytes?: number): LogRecord[];
}

export interface SpaceWriterOptions {
  readonly key?: SigningKey;
  /** The payload of the genesis, for remotes that read control records. */
  readonly genesisBody?: (key: SigningKey) => Uint8Array;
}

/** Makes genuine signed records of a new space. */
export function createSpaceWriter({ key = createSigningKey(randomBytes(32)), genesisBody }: SpaceWriterOptions = {}): SpaceWriter {
  const body = genesisBody?.(key) ?? encodeCanonical(['genesis', randomBytes(16)]);
  const keyId = genesisBody === undefined ? 0 : 1;
  const first = { ...fieldsAfter(EMPTY_HEAD), keyId, type: 'control', space: ZERO_HASH as SpaceId } as const;
  const genesis = sealRecord(first, body, key);
  return { genesis, ...createWriterOf(genesis.hash as string as SpaceId, key) };
}

/** Makes genuine signed records of a space that is there. */
export function createWriterOf(space: SpaceId, key: SigningKey): RecordWriter {
  const record: RecordWriter['record'] = (head, fields = {}, bytes = randomBytes(64)) =>
    sealRecord({ ...fieldsAfter(head), space, ...fields }, bytes, key);
  return {
    space,
    record,
    chain(head, count, bodyBytes = 64) {
      const records: LogRecord[] = [];
      for (let at = head; records.length < count; at = headAfter(records.at(-1) as LogRecord)) {
        records.push(record(at, {}, randomBytes(bodyBytes)));
      }
      return records;
    },
  };
}

function fieldsAfter(head: Head): Omit<RecordHeader, 'space' | 'signer' | 'bodyHash' | 'bodyLength'> {
  return {
    type: 'commit',
    id: bytesToHex(randomBytes(16)) as CommitId,
    position: head.position + 1,
    previous: head.hash as RecordHash,
    term: head.term,
    keyId: 0,
    objects: [],
    previousControl: null,
  };
}

export function sealedObject(size: number): SealedObject {
  const bytes = randomBytes(size);
  return { id: sha256Hex(bytes) as ObjectId, bytes };
}

export function segment(records: readonly LogRecord[], objects: readonly SealedObject[] = []): Segment {
  return { records, objects };
}

/** The payload of a genesis that a machine signs as the owner: real in all that needs no key. */
export function genesisOf(owner: MachineId): Uint8Array {
  return encodeControl({
    op: 'genesis',
    nonce: randomBytes(32),
    format: FORMAT,
    mode: 'sealed',
    features: [],
    owner: { machine: owner, recipient: 'r', role: 'owner', account: null, sealedName: randomBytes(8) },
    recovery: { signer: createSigningKey(randomBytes(32)).machine, recipient: 'r' },
    epoch: { number: 1, commitment: randomBytes(32), envelopes: {} },
  });
}

/** Makes signed control records behind a genesis. */
export function controlWriter(space: SpaceId, genesis: RecordHash, key: SigningKey) {
  const writer = createWriterOf(space, key);
  return {
    control: (head: Head, payload: ControlPayload): LogRecord =>
      writer.record(head, { type: 'control', keyId: 1, previousControl: genesis }, encodeControl(payload)),
  };
}
