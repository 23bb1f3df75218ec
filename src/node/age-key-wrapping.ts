import { bech32 } from '@scure/base';
import type { Encrypter } from 'age-encryption';
import type { KeyWrapping } from '../core/ports/key-wrapping.ts';

/** Loads in 60 ms, so not before it is needed. */
const loadAge = () => import('age-encryption');

/** age v1 with X25519 recipients (age-encryption.org/v1): `AGE-SECRET-KEY-1…` and `age1…`. About 1 ms an envelope. */
export function createAgeKeyWrapping(): KeyWrapping {
  return {
    async generate() {
      const { generateX25519Identity, identityToRecipient } = await loadAge();
      const identity = await generateX25519Identity();
      return { identity, recipient: await identityToRecipient(identity) };
    },

    async fromSeed(seed) {
      if (seed.length !== 32) throw new RangeError(`an X25519 identity is made of 32 bytes, not ${seed.length}`);
      const { identityToRecipient } = await loadAge();
      const identity = bech32.encodeFromBytes('AGE-SECRET-KEY-', new Uint8Array(seed)).toUpperCase();
      return { identity, recipient: await identityToRecipient(identity) };
    },

    isRecipient(recipient) {
      if (!X25519_RECIPIENT.test(recipient)) return false;
      const decoded = bech32.decodeUnsafe(recipient);
      const key = decoded === undefined ? undefined : bech32.fromWordsUnsafe(decoded.words);
      return key?.length === 32;
    },

    wrap: async (plain, recipient) => (await encrypterFor(recipient)).encrypt(plain),

    async unwrap(envelope, identity) {
      const { Decrypter } = await loadAge();
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity); // our own: one that is malformed is a bug, and throws
      try {
        return await decrypter.decrypt(envelope);
      } catch {
        return null; // not for us or damaged: the caller need not tell apart
      }
    },
  };
}

/** X25519 only: other kinds that the library knows are no recipients of this format. */
const X25519_RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/;

async function encrypterFor(recipient: string): Promise<Encrypter> {
  const { Encrypter } = await loadAge();
  if (!X25519_RECIPIENT.test(recipient)) throw new RangeError('not an age X25519 recipient');
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return encrypter;
}
