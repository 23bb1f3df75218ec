import { sha256Hex } from '../../core/crypto/hash.ts';

/** A machine as it shows itself: by its key, and by the id that it gave itself. */
export interface MnemeClient {
  /** Of the key, not the key. */
  readonly key: string;
  readonly id: string;
  /** Of the id, for names. */
  readonly hash: string;
  /** The key that its views stand under: its own, or one that it had before. */
  readonly views: string;
  /** Stands for that and the id in views. */
  readonly writer: string;
}

export function clientOf(key: string, id: string, views = key): MnemeClient {
  const hash = sha256Hex(id).slice(0, 32);
  return { key, id, hash, views, writer: `mneme:${views}:${hash}` };
}
