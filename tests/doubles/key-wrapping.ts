import { createCipheriv, createDecipheriv } from 'node:crypto';
import { sha256, hmac } from '../../src/core/crypto/hash.ts';
import { bytesToHex } from '../../src/core/ids.ts';
import type { KeyWrapping } from '../../src/core/ports/key-wrapping.ts';
import type { Random } from '../../src/core/ports/random.ts';

/**
 * A DOUBLE of age: deterministic and quick, so that a simulation's seed replays exactly. No security at all: who
 * knows a recipient can open what is wrapped for it.
 */
export function createKeyWrappingDouble(random: Random): KeyWrapping {
  const recipientOf = (identity: string): string => `double1${bytesToHex(sha256('recipient', identity))}`;
  return {
    async generate() {
      const identity = `DOUBLE-SECRET-${bytesToHex(random.bytes(16))}`;
      return { identity, recipient: recipientOf(identity) };
    },
    async fromSeed(seed) {
      const identity = `DOUBLE-SECRET-${bytesToHex(seed)}`;
      return { identity, recipient: recipientOf(identity) };
    },
    isRecipient: (recipient) => recipient.startsWith('double1'),
    async wrap(plain, recipient) {
      const cipher = createCipheriv('aes-256-gcm', sha256(recipient), hmac(sha256(recipient), plain).subarray(0, 12));
      const body = cipher.update(plain);
      cipher.final();
      return Buffer.concat([hmac(sha256(recipient), plain).subarray(0, 12), cipher.getAuthTag(), body]);
    },
    async unwrap(envelope, identity) {
      const decipher = createDecipheriv('aes-256-gcm', sha256(recipientOf(identity)), envelope.subarray(0, 12));
      decipher.setAuthTag(envelope.subarray(12, 28));
      const plain = decipher.update(envelope.subarray(28));
      try {
        decipher.final();
        return plain;
      } catch {
        return null;
      }
    },
  };
}
