import { sha256Hex } from '../../core/crypto/hash.ts';

/** A machine as it shows itself: by its key, and by the id that it gave itself. */
export interface MnemeClient {
  /** Of the key, not the key. */
  readonly key: string;
  readonly id: string;
  /** Of the id, for names. */
  readonly hash: string;
  /** Stands for both in views. */
  readonly writer: string;
}

export function clientOf(key: string, id: string): MnemeClient {
  const hash = sha256Hex(id).slice(0, 32);
  return { key, id, hash, writer: `mneme:${key}:${hash}` };
}
