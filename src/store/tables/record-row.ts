import { bytesToHex, hexToBytes, type CommitId, type MachineId, type RecordHash } from '../../core/ids.ts';
import type { StoredRecord } from '../../core/ports/store.ts';
import type { RecordRow } from '../schema.ts';

export const COMMIT = 1;
export const CONTROL = 2;
export const RECORD_COLUMNS = ['position', 'hash', 'id', 'signer', 'term', 'type', 'bytes'] as const;

/** The columns in the order of {@link recordToRow}. */
export const RECORD_TYPES = [
  ['space', 'integer'],
  ['position', 'integer'],
  ['hash', 'binary'],
  ['id', 'binary'],
  ['signer', 'binary'],
  ['term', 'integer'],
  ['type', 'integer'],
  ['bytes', 'binary'],
] as const satisfies readonly (readonly [keyof RecordRow, 'integer' | 'binary'])[];

export function recordToRow(space: number, record: StoredRecord): RecordRow {
  return {
    space,
    position: record.position,
    hash: hexToBytes(record.hash),
    id: hexToBytes(record.id),
    signer: hexToBytes(record.signer),
    term: record.term,
    type: record.type === 'commit' ? COMMIT : CONTROL,
    bytes: record.bytes,
  };
}

export function rowToRecord(row: Omit<RecordRow, 'space'>): StoredRecord {
  return {
    position: row.position,
    hash: bytesToHex(row.hash) as RecordHash,
    id: bytesToHex(row.id) as CommitId,
    signer: bytesToHex(row.signer) as MachineId,
    term: row.term,
    type: row.type === COMMIT ? 'commit' : 'control',
    bytes: row.bytes,
  };
}
