import { objectIdOf } from '../../core/crypto/object-id.ts';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import { LIMITS } from '../../core/limits.ts';

/** Throws where the bytes are not the id's: stored, they would read as damaged for ever, and keep the true ones out. */
export function checkObject({ id, bytes }: SealedObject): void {
  if (bytes.length > LIMITS.objectCiphertext) throw new RangeError(`object ${id} is larger than ${LIMITS.objectCiphertext} bytes`);
  if (objectIdOf(bytes) !== id) throw new RangeError(`the bytes given for object ${id} have another SHA-256`);
}
