import { createHash, type Hash } from 'node:crypto';
import { bodyHash, bodySha256, hasStatelessHash } from '../../core/crypto/body-hash.ts';
import { bytesToHex } from '../../core/ids.ts';
import type { FileStat, Folding } from '../../core/ports/files.ts';
import type { SourceState } from './reports.ts';

/** The hash of the first `length` bytes of a growing file, ready to go on. */
export interface PrefixHash {
  readonly hash: Hash;
  readonly length: number;
  readonly ino: bigint;
  /** The last bytes of the prefix: when they still stand, the file has most likely only grown. */
  readonly end: Uint8Array;
}

/** The SHA-256 (hex) of the first `length` bytes of a file, as it was noted. */
export interface KnownStart {
  readonly length: number;
  readonly sha256: string;
}

export interface Retry {
  readonly reason: string;
  readonly attempts: number;
  readonly due: number;
  /** It waits for a body that is nowhere to be had now. */
  readonly lacksBody: boolean;
}

/** What a running source remembers. All of it can be lost: it saves work, and tells apart "gone" from "never seen". */
export interface TreeMemory {
  state: SourceState;
  /** The root's identity, once something that is shown was seen in it. */
  root: string | null;
  scannedOnce: boolean;
  folding: Folding | null;
  /** Names whose spelling on the disk is another Unicode form. */
  readonly spelling: Map<string, string>;
  readonly followed: Set<string>;
  readonly prefixes: Map<string, PrefixHash>;
  /** Why files are not captured, by name. */
  readonly skipped: Map<string, string>;
  /** Refused by the format, as it looked then: not offered again until it changes. */
  readonly refused: Map<string, { readonly stat: FileStat; readonly reason: string; readonly unfit: boolean }>;
  /** Files whose last line is held back. */
  readonly torn: Set<string>;
  /** Names that an apply wrote, and that were not read since. */
  readonly putHere: Set<string>;
  /** Paths to read again, and when that tells more than their times do. */
  readonly unsettled: Map<string, number>;
  readonly retries: Map<string, Retry>;
  readonly deletions: { readonly time: number; readonly group: string | null; readonly count: number }[];
  readonly confirmed: Set<string>;
}

export function createTreeMemory(): TreeMemory {
  return {
    state: { type: 'ok' },
    root: null,
    scannedOnce: false,
    folding: null,
    spelling: new Map(),
    followed: new Set(),
    prefixes: new Map(),
    skipped: new Map(),
    refused: new Map(),
    torn: new Set(),
    putHere: new Set(),
    unsettled: new Map(),
    retries: new Map(),
    deletions: [],
    confirmed: new Set(),
  };
}

const REMEMBERED = 1_000;
const END_BYTES = 4_096;

/**
 * Hashes `body` whole and keeps the state for the next growth. Returns the SHA-256 in hex. Where another thread hashed it,
 * there is no state: the next growth reads the file whole, once.
 */
export function rememberPrefix(memory: TreeMemory, name: string, body: Uint8Array, ino: bigint): string {
  if (hasStatelessHash(body)) return bytesToHex(bodySha256(body));
  const hash = bodyHash(body);
  keepPrefix(memory, name, { hash, length: body.length, ino, end: Uint8Array.from(body.subarray(-END_BYTES)) }); // a copy: a Buffer's slice would keep the body
  return hash.copy().digest('hex');
}

/**
 * The same of a body that goes on behind what is known of it, hashing it once; `null` where it does not begin so, and nothing is kept then.
 * Cost: O(bytes).
 */
export function rememberGrown(memory: TreeMemory, name: string, body: Uint8Array, known: KnownStart, ino: bigint): string | null {
  const hash = createHash('sha256').update(body.subarray(0, known.length));
  if (hash.copy().digest('hex') !== known.sha256) return null;
  hash.update(body.subarray(known.length));
  keepPrefix(memory, name, { hash, length: body.length, ino, end: Uint8Array.from(body.subarray(-END_BYTES)) });
  return hash.copy().digest('hex');
}

/** Goes on from a kept prefix. */
export function extendPrefix(memory: TreeMemory, name: string, prefix: PrefixHash, tail: Uint8Array): string {
  const hash = prefix.hash.copy().update(tail);
  const end = Buffer.concat([prefix.end, tail.subarray(-END_BYTES)]).subarray(-END_BYTES);
  keepPrefix(memory, name, { hash, length: prefix.length + tail.length, ino: prefix.ino, end: Uint8Array.from(end) });
  return hash.copy().digest('hex');
}

function keepPrefix(memory: TreeMemory, name: string, prefix: PrefixHash): void {
  memory.prefixes.delete(name);
  memory.prefixes.set(name, prefix);
  if (memory.prefixes.size <= REMEMBERED) return;
  const oldest = memory.prefixes.keys().next();
  if (!oldest.done) memory.prefixes.delete(oldest.value);
}

/** Where a name stands on the disk: in the spelling that is there, folder by folder. */
export function diskPath(memory: TreeMemory, name: string): string {
  if (memory.spelling.size === 0) return name;
  const known = memory.spelling.get(name);
  if (known !== undefined) return known;
  const cut = name.lastIndexOf('/');
  return cut === -1 ? name : `${diskPath(memory, name.slice(0, cut))}${name.slice(cut)}`;
}
