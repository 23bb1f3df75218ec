import { expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import type { SpaceId } from '../../src/core/ids.ts';
import { RemoteError, RemoteFull } from '../../src/core/ports/remote.ts';
import { StoreUnavailable } from '../../src/core/ports/store.ts';
import { startHub } from './native-place.ts';

const SPACE = sha256Hex('a space') as SpaceId;

it.each([
  ['busy', 1_000, 1_000],
  ['unreachable', 1_500, 2_000],
  ['full', 10_000, 10_000],
] as const)(
  'a hub whose store is %s says when to come again; why, and where it is, stands in its log alone',
  async (reason, after, said) => {
    const hub = await startHub();
    try {
      hub.authority.roleOf = () =>
        Promise.reject(new StoreUnavailable(reason, 'postgres://ada@db.internal/satchel does not answer', { retryAfter: after }));
      const remote = hub.connect();
      const failure = await remote.head(SPACE).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(RemoteError);
      expect(failure).toMatchObject({ type: 'unreachable', retryAfter: said });
      expect(failure instanceof RemoteFull).toBe(reason === 'full');
      expect((failure as Error).message).not.toContain('db.internal');
      expect(hub.logged.some((line) => line.includes('db.internal'))).toBe(true);
      await remote.close();
    } finally {
      await hub.close();
    }
  },
);
