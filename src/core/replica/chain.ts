import type { SpaceId } from '../ids.ts';
import { ZERO_HASH } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { decodeControl } from '../log/control.ts';
import { startMembership } from '../log/membership.ts';
import { decodeRecord, encodeRecord, hasValidSignature, headAfter, type Head, type LogRecord } from '../log/record.ts';
import type { StoredRecord } from '../ports/store.ts';
import { fail, ok, type Result } from '../result.ts';

/** Why a remote's log is not followed. The local state is what it was. */
export type Divergence =
  /** The remote lacks records that were verified here. */
  | { readonly type: 'rolled-back'; readonly remote: Head | null; readonly local: Head }
  /** Another record stands where one was verified here. */
  | { readonly type: 'forked'; readonly remote: Head; readonly local: Head }
  /** A record that breaks the chain or cannot be read. */
  | { readonly type: 'broken'; readonly position: number; readonly reason: string };

/** Records that continue a log, and the rows that they are there. */
export interface Continuation {
  readonly records: readonly LogRecord[];
  readonly rows: readonly StoredRecord[];
}

/** Foreign records → what continues a log behind `head`. O(records); signatures are checked when they are replayed. */
export function verifyChain(encoded: readonly Uint8Array[], head: Head, space: SpaceId): Result<Continuation, Divergence> {
  const records: LogRecord[] = [];
  const rows: StoredRecord[] = [];
  let previous = head;
  for (const bytes of encoded) {
    const record = decodeRecord(bytes);
    const broken = (reason: string) => fail<Divergence>({ type: 'broken', position: previous.position + 1, reason });
    if (!record.ok) return broken(record.error);
    const { header, hash } = record.value;
    if (header.position !== previous.position + 1) return broken(`position ${header.position} where ${previous.position + 1} was due`);
    if (header.previous !== previous.hash) {
      return rows.length === 0 && head.position >= 0
        ? fail({ type: 'forked', remote: headAfter(record.value), local: head })
        : broken('it does not continue the record before it');
    }
    const ofSpace = header.position === 0 ? header.space === ZERO_HASH && (hash as string) === space : header.space === space;
    if (!ofSpace) return broken('it belongs to another space');
    const fault = header.position === 0 ? whatBreaksGenesis(record.value) : null;
    if (fault !== null) return broken(fault);
    const step = header.term - previous.term;
    if (step !== 0 && !(header.type === 'control' && step > 0 && step <= LIMITS.termStep)) return broken('its term does not follow');
    records.push(record.value);
    rows.push(toStored(record.value, bytes));
    previous = headAfter(record.value);
  }
  return ok({ records, rows });
}

/** Why a record cannot begin a log; `null` where it can. What is no genesis for anybody never gets into the store. */
function whatBreaksGenesis(record: LogRecord): string | null {
  const payload = decodeControl(record.body);
  if (!payload.ok) return payload.error;
  if (!hasValidSignature(record)) return 'its signature is wrong';
  const started = startMembership(record, payload.value);
  return started.ok ? null : started.error;
}

export function toStored(record: LogRecord, bytes: Uint8Array = encodeRecord(record)): StoredRecord {
  const { position, id, signer, term, type } = record.header;
  return { position, hash: record.hash, id, signer, term, type, bytes };
}
