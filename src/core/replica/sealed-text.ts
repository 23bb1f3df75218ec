import { decodeCanonical, encodeCanonical } from '../canonical.ts';
import { openCommitBody, sealCommitBody } from '../crypto/object-cipher.ts';
import type { SpaceKeys } from '../crypto/space-keys.ts';
import { ZERO_HASH, type CommitId, type MachineId, type SpaceId } from '../ids.ts';
import type { Compression } from '../ports/compression.ts';
import type { Random } from '../ports/random.ts';

/**
 * A text in a control record that only members can read (a machine's name, where the log moved to): key id (4 bytes,
 * big-endian) ‖ a commit body's encryption of the canonical `["text", TEXT]`, bound to the space alone. The record
 * around it is signed.
 */
export async function sealText(
  text: string,
  space: SpaceId,
  keyId: number,
  keys: SpaceKeys,
  deps: { readonly compression: Compression; readonly random: Random },
): Promise<Uint8Array> {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(keyId);
  return Buffer.concat([
    id,
    await sealCommitBody(encodeCanonical(['text', text]), bindingOf(space, keyId), keys, deps.compression, deps.random),
  ]);
}

/** `null` for what does not open. A genesis does not know its space's id yet: its texts are bound to none. */
export async function openText(sealed: Uint8Array, space: SpaceId, keys: SpaceKeys, compression: Compression): Promise<string | null> {
  if (sealed.length < 4) return null;
  const keyId = Buffer.from(sealed.buffer, sealed.byteOffset, 4).readUInt32BE(0);
  for (const bound of [space, ZERO_HASH as SpaceId]) {
    const opened = await openCommitBody(sealed.subarray(4), bindingOf(bound, keyId), keys, compression);
    const value = opened.ok ? decodeCanonical(opened.value, 64 * 1024) : null;
    if (value?.ok === true && Array.isArray(value.value) && value.value[0] === 'text' && typeof value.value[1] === 'string')
      return value.value[1];
  }
  return null;
}

function bindingOf(space: SpaceId, keyId: number) {
  return { space, keyId, signer: ZERO_HASH as MachineId, commit: '0'.repeat(32) as CommitId };
}
