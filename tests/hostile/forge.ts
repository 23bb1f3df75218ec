import { encodeCanonical, type Canonical } from '../../src/core/canonical.ts';
import { sealCommitBody } from '../../src/core/crypto/object-cipher.ts';
import type { SigningKey } from '../../src/core/crypto/signing.ts';
import { bytesToHex, hexToBytes, type CommitId, type ObjectId, type SpaceId } from '../../src/core/ids.ts';
import { decodeControl, encodeControl, type ControlPayload } from '../../src/core/log/control.ts';
import { EMPTY_HEAD, headAfter, recordHash, sealRecord, type Head, type LogRecord, type RecordHeader } from '../../src/core/log/record.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { Replica } from '../../src/core/replica/replica.ts';
import { decoded, recordsAt } from './world.ts';

/** Anything a record can be: what is not given continues the hub's log as an honest record would. */
export interface Forgery {
  readonly by: SigningKey;
  readonly header?: Partial<RecordHeader>;
}

/** Makes records that no honest machine would make, with the keys of a member (`insider`). */
export class Forger {
  readonly insider: Replica;
  readonly hub: Remote;
  constructor(insider: Replica, hub: Remote) {
    this.insider = insider;
    this.hub = hub;
  }

  get space(): SpaceId {
    return this.insider.space;
  }

  async #behindHead(): Promise<{ head: Head; lastControl: LogRecord }> {
    const records = (await recordsAt(this.hub, this.space)).map(decoded);
    const control = records.findLast((record) => record.header.type === 'control') as LogRecord;
    const last = records.at(-1);
    return { head: last === undefined ? EMPTY_HEAD : headAfter(last), lastControl: control };
  }

  async control(payload: ControlPayload | Uint8Array, { by, header }: Forgery): Promise<LogRecord> {
    const { head, lastControl } = await this.#behindHead();
    const body = payload instanceof Uint8Array ? payload : encodeControl(payload);
    return sealRecord({ ...this.#fields(head), type: 'control', previousControl: lastControl.hash, ...header }, body, by);
  }

  /** A commit of these changes as they would travel (docs/formats.md § Changes), or of any other plaintext. */
  async commit(
    changes: readonly Canonical[] | Uint8Array,
    { by, header }: Forgery,
    carried: readonly Uint8Array[] = [],
  ): Promise<LogRecord> {
    const { head } = await this.#behindHead();
    const { compression, random } = this.insider.deps;
    const fields = { ...this.#fields(head), type: 'commit' as const, previousControl: null, ...header };
    const plain =
      changes instanceof Uint8Array ? changes : encodeCanonical([1, 1_000, 'forged', 'test', null, changes as Canonical, carried]);
    const binding = { space: this.space, keyId: fields.keyId, signer: by.machine, commit: fields.id };
    const keys = this.insider.keys;
    const body =
      keys.epoch(fields.keyId) === undefined ? random.bytes(100) : await sealCommitBody(plain, binding, keys, compression, random);
    return sealRecord(fields, body, by);
  }

  #fields(head: Head) {
    const objects: readonly ObjectId[] = [];
    const id = bytesToHex(this.insider.deps.random.bytes(16)) as CommitId;
    const { space } = this;
    return { space, id, position: head.position + 1, previous: head.hash, term: head.term, keyId: this.insider.keyId, objects };
  }

  /** A put that is in order: of an empty body, with the digest that it has. */
  emptyPut(name: string): Canonical {
    const digest = hexToBytes(this.insider.bodies.digestOf(new Uint8Array(0), {}));
    return [0, 'text', name, null, [], [digest, 0, {}, []], []];
  }

  /** The hub takes what any machine hands it. */
  async plant(record: LogRecord): Promise<LogRecord> {
    const { head } = await this.#behindHead();
    const outcome = await this.hub.append(this.space, head, { records: [record], objects: [] });
    if (outcome.type !== 'appended') throw new Error(outcome.type);
    return record;
  }
}

/** The record with another signature, as a hub without keys could make it. */
export function resigned(record: LogRecord, signature: Uint8Array): LogRecord {
  return { ...record, signature, hash: recordHash(record.headerBytes, signature) };
}

export function payloadOf(record: LogRecord): ControlPayload {
  const payload = decodeControl(record.body);
  if (!payload.ok) throw new Error(payload.error);
  return payload.value;
}

export const DIGEST = hexToBytes('11'.repeat(32));

/** `[0, kind, name, base, needs, content, history]` of an empty body. */
export function emptyPut(name: string, base: string | null = null, needs: readonly Canonical[] = []): Canonical {
  return [0, 'text', name, base === null ? null : hexToBytes(base), needs, [DIGEST, 0, {}, []], []];
}
