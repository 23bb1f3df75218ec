import { fail, ok, type Result } from '../../core/result.ts';
import { encodeText, readText } from '../read-text.ts';

/** What a cell of a table holds. Integers are numbers as long as those are exact, else bigint. NULL is no value. */
export type RowValue = string | number | bigint | Uint8Array;

/** Values by column. A column that is not there is NULL, or one that the writer's table does not have. */
export type Row = ReadonlyMap<string, RowValue>;

/**
 * A row as a body: one JSON object on one line, keys sorted, NULLs left out. Integers beyond 2^53 are `{"int": "…"}`, bytes
 * `{"blob": base64}`, infinities `{"real": "…"}`. The same row has the same bytes on every machine. Cost: O(size).
 */
export function encodeRow(row: Row): Uint8Array {
  let text = '';
  for (const column of [...row.keys()].sort())
    text += `${text === '' ? '{' : ','}${keyOf(column)}:${encodeValue(row.get(column) as RowValue)}`;
  return encodeText(text === '' ? '{}' : `${text}}`);
}

/** Columns as they stand in a body: the same few all the time. */
const keys = new Map<string, string>();
const KEPT_KEYS = 1_000;

function keyOf(column: string): string {
  const known = keys.get(column);
  if (known !== undefined) return known;
  const key = JSON.stringify(column);
  if (keys.size < KEPT_KEYS) keys.set(column, key);
  return key;
}

/** Refuses what is no row: foreign bytes pass through here. */
export function decodeRow(body: Uint8Array): Result<Row, string> {
  const text = readText(body);
  if (text === null) return fail('not UTF-8 text');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return fail('not JSON');
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return fail('not a JSON object');
  const row = new Map<string, RowValue>();
  for (const [column, encoded] of Object.entries(document)) {
    const value = decodeValue(encoded);
    if (value === null) return fail(`the value of ${JSON.stringify(column.slice(0, 40))} is none that a cell holds`);
    row.set(column, value);
  }
  return ok(row);
}

export function sameValue(a: RowValue | undefined, b: RowValue | undefined): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.from(a).equals(b);
  return a === b;
}

function encodeValue(value: RowValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `{"int":"${value}"}`;
  if (value instanceof Uint8Array) return `{"blob":"${Buffer.from(value).toString('base64')}"}`;
  if (typeof value === 'number' && !Number.isFinite(value)) return `{"real":"${value}"}`;
  return JSON.stringify(value);
}

function decodeValue(encoded: unknown): RowValue | null {
  if (typeof encoded === 'string') return encoded;
  if (typeof encoded === 'number') return Number.isInteger(encoded) && !Number.isSafeInteger(encoded) ? null : encoded;
  if (typeof encoded !== 'object' || encoded === null || Array.isArray(encoded)) return null;
  const [[type, text] = [], ...others] = Object.entries(encoded);
  if (typeof text !== 'string' || others.length > 0) return null;
  if (type === 'int' && /^-?\d{16,19}$/.test(text)) return integer(BigInt(text));
  if (type === 'blob' && Buffer.from(text, 'base64').toString('base64') === text) return new Uint8Array(Buffer.from(text, 'base64'));
  if (type === 'real' && /^-?Infinity$/.test(text)) return Number(text);
  return null;
}

const INT64 = 1n << 63n;

function integer(value: bigint): RowValue | null {
  const isSafe = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return isSafe || value >= INT64 || value < -INT64 ? null : value;
}
