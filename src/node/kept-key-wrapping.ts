import { sha256Hex } from '../core/crypto/hash.ts';
import { bytesToHex, hexToBytes } from '../core/ids.ts';
import type { KeyWrapping } from '../core/ports/key-wrapping.ts';
import { readPrivate, writePrivate } from './home.ts';

/** Envelopes kept open; a space has one an epoch. */
const KEPT = 256;

/**
 * Remembers what the envelopes for one identity hold, in a 0600 file beside that identity: who reads the one can open
 * the other. Commands are short-lived, and loading what opens an envelope is a quarter of such a life. A file that is
 * missing or damaged is made anew.
 */
export function createKeptKeyWrapping(
  wrapping: KeyWrapping,
  { file, identity }: { readonly file: string; readonly identity: string },
): KeyWrapping {
  let kept: Promise<Map<string, string>> | null = null;
  return {
    ...wrapping,
    async unwrap(envelope, by) {
      if (by !== identity) return wrapping.unwrap(envelope, by);
      const known = await (kept ??= readKept(file));
      const key = sha256Hex(envelope);
      const found = known.get(key);
      if (found !== undefined) return hexToBytes(found);
      const plain = await wrapping.unwrap(envelope, by);
      if (plain === null) return null;
      known.set(key, bytesToHex(plain));
      for (const oldest of [...known.keys()].slice(0, -KEPT)) known.delete(oldest);
      await writePrivate(file, JSON.stringify(Object.fromEntries(known)));
      return plain;
    },
  };
}

async function readKept(file: string): Promise<Map<string, string>> {
  const text = await readPrivate(file);
  if (text === null) return new Map();
  try {
    const value = JSON.parse(text) as unknown;
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    return new Map(entries.filter(([key, plain]) => /^[0-9a-f]{64}$/.test(key) && /^(?:[0-9a-f]{2}){1,512}$/.test(String(plain))));
  } catch (error) {
    if (error instanceof SyntaxError) return new Map();
    throw error;
  }
}
