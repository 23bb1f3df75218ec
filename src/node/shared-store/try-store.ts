import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../../config/config.ts';
import { createSigningKey } from '../../core/crypto/signing.ts';
import { hexToBytes } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { readPrivate, type NodeHome } from '../home.ts';
import { BUCKET_LIMIT, probeNewBucket } from '../hub-objects.ts';
import { parseIdentity } from '../machine-identity.ts';
import { refuseMoving, refuseOther } from './hub-identity.ts';
import { probeSharedStore } from './open-shared-store.ts';

/** Told of what is asked and may never answer, with how long it is waited for at most (milliseconds); then, by `null`, that it did or is not waited for any more. */
export type OnAsked = (asked: { readonly what: string; readonly limit: number } | null) => void;

/** Milliseconds: a connection, and what is asked on it first. */
const DATABASE_LIMIT = 10_000;

/**
 * Whatever can keep a hub from its store, looked at before anything is made: keys, tables, a word in the database of whose it is. What is
 * refused here leaves home, database and bucket as they were. Throws as opening them does. The bucket that was probed, if one was: it is the
 * first one of this store, and need not be probed again.
 */
export async function tryStore(
  config: Config,
  home: NodeHome,
  deps: { readonly clock: Clock; readonly random: Random; readonly onAsked?: OnAsked | undefined },
): Promise<string | null> {
  const { onAsked = () => undefined } = deps;
  const asking = async <T>(what: string, limit: number, work: () => Promise<T>): Promise<T> => {
    onAsked({ what, limit });
    try {
      return await work();
    } finally {
      onAsked(null);
    }
  };
  const tryBucket = (address: string): Promise<string> => asking(address, BUCKET_LIMIT, () => probeNewBucket(config, deps));
  if (!config.hub) return null;
  if (config.store === undefined) return existsSync(home.store) || config.objects === undefined ? null : tryBucket(config.objects);
  const { store } = config;
  const { keptBy, isMoving, hasPlace } = await asking(store, DATABASE_LIMIT, () => probeSharedStore(store, config));
  const text = await readPrivate(path.join(home.keys, 'machine.json'));
  const own = text === null ? null : createSigningKey(hexToBytes(parseIdentity(text, path.join(home.keys, 'machine.json')).seed)).machine;
  if (keptBy !== null) refuseOther(keptBy, own, home.keys);
  refuseMoving(isMoving);
  return hasPlace || config.objects === undefined ? null : tryBucket(config.objects);
}
