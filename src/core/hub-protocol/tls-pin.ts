import type { X509Certificate } from 'node:crypto';
import { sha256Hex } from '../crypto/hash.ts';

/** What a node pins of a hub with a certificate of its own: SHA-256 of its SubjectPublicKeyInfo, as hex. */
export function tlsPinOf(certificate: X509Certificate): string {
  return sha256Hex(certificate.publicKey.export({ type: 'spki', format: 'der' }));
}
