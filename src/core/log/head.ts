import type { Canonical } from '../canonical.ts';
import { readCount, readFields, readHex } from '../canonical-fields.ts';
import { hexToBytes, type RecordHash } from '../ids.ts';
import type { Head } from './record.ts';

/** `[term, position, hash]`: as heads stand in letters, links and on the wire. */
export function headFields(head: Head): Canonical {
  return [head.term, head.position, hexToBytes(head.hash)];
}

/** The inverse. Throws Malformed. */
export function readHead(value: Canonical | undefined): Head {
  const [term, position, hash] = readFields(value, 3);
  return { term: readCount(term), position: readCount(position, -1), hash: readHex(hash) as RecordHash };
}
