import path from 'node:path';
import { bytesToHex, hexToBytes, isHex32, type SpaceId } from '../core/ids.ts';
import type { RecoveryKey } from '../core/replica/create-space.ts';
import { readPrivate, removePrivate, writePrivate, type NodeHome } from './home.ts';

/** A space's recovery key waits in a 0600 file until it was shown once on a terminal; then it is only on paper. */
function recoveryFile(home: NodeHome, space: SpaceId): string {
  return path.join(home.keys, `recovery-${space.slice(0, 16)}.json`);
}

export async function keepRecoveryKey(home: NodeHome, space: SpaceId, key: RecoveryKey): Promise<void> {
  await writePrivate(recoveryFile(home, space), JSON.stringify({ space, seed: bytesToHex(key.seed), identity: key.identity }));
}

/** `null` once it was shown, and on machines that never had it. */
export async function readRecoveryKey(home: NodeHome, space: SpaceId): Promise<RecoveryKey | null> {
  const text = await readPrivate(recoveryFile(home, space));
  if (text === null) return null;
  const value = JSON.parse(text) as { seed?: unknown; identity?: unknown };
  if (!isHex32(value.seed) || typeof value.identity !== 'string') throw new Error(`${recoveryFile(home, space)} is damaged`);
  return { seed: hexToBytes(value.seed), identity: value.identity };
}

export function forgetRecoveryKey(home: NodeHome, space: SpaceId): Promise<void> {
  return removePrivate(recoveryFile(home, space));
}
