import path from 'node:path';
import { bytesToHex, hexToBytes, isHex32, type SpaceId } from '../core/ids.ts';
import { DamagedKeyFile } from './damaged-key-file.ts';
import { readPrivate, removePrivate, writePrivate, type NodeHome } from './home.ts';

/**
 * A space's recovery secret waits in a 0600 file until it was shown once on a terminal; then it is only on paper. The
 * `next` one waits beside it until the log names it.
 */
function recoveryFile(home: NodeHome, space: SpaceId, which: 'current' | 'next'): string {
  return path.join(home.keys, `recovery-${space.slice(0, 16)}${which === 'next' ? '.next' : ''}.json`);
}

export async function keepRecoverySecret(
  home: NodeHome,
  space: SpaceId,
  secret: Uint8Array,
  which: 'current' | 'next' = 'current',
): Promise<void> {
  await writePrivate(recoveryFile(home, space, which), JSON.stringify({ space, secret: bytesToHex(secret) }));
}

/** `null` once it was shown, and on machines that never had it. */
export async function readRecoverySecret(
  home: NodeHome,
  space: SpaceId,
  which: 'current' | 'next' = 'current',
): Promise<Uint8Array | null> {
  const file = recoveryFile(home, space, which);
  const text = await readPrivate(file);
  if (text === null) return null;
  const damaged = new DamagedKeyFile(`${file} is damaged; make a new recovery key`, 'Run: satchel keys recovery --replace');
  let value: { secret?: unknown } | null;
  try {
    value = JSON.parse(text) as { secret?: unknown } | null;
  } catch {
    throw damaged;
  }
  const secret = value?.secret;
  if (!isHex32(secret)) throw damaged;
  return hexToBytes(secret);
}

export function forgetRecoverySecret(home: NodeHome, space: SpaceId, which: 'current' | 'next' = 'current'): Promise<void> {
  return removePrivate(recoveryFile(home, space, which));
}
