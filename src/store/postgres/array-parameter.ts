/** Numbers of PostgreSQL's types (`pg_type.oid`), which never change. */
const OIDS = { integer: 20, binary: 17 } as const;
const INTEGER_BYTES = 8;
/** Of one dimension: how many dimensions, whether there are nulls, the type, how many values, and which number the first one has. */
const HEADER_BYTES = 20;

/**
 * A column as one parameter, `bigint[]` or `bytea[]`, in PostgreSQL's binary format, which pg sends bytes in: a hundred rows of eight columns are
 * eight parameters of a statement that is the same for any number of rows. Integers must be safe ones. O(bytes).
 */
export function toArrayParameter(type: 'integer' | 'binary', values: readonly unknown[]): Buffer {
  let size = HEADER_BYTES;
  for (const value of values) size += 4 + (type === 'integer' ? INTEGER_BYTES : (value as Uint8Array).length);
  const array = Buffer.allocUnsafe(size);
  let at = 0;
  for (const field of [1, 0, OIDS[type], values.length, 1]) at = array.writeInt32BE(field, at);
  for (const value of values) {
    if (type === 'integer') {
      at = array.writeInt32BE(INTEGER_BYTES, at);
      at = array.writeBigInt64BE(BigInt(value as number), at);
      continue;
    }
    const bytes = value as Uint8Array;
    at = array.writeInt32BE(bytes.length, at);
    array.set(bytes, at);
    at += bytes.length;
  }
  return array;
}
