import type { Connection } from './connection.ts';

/** The user whose feed is the personal space. Others have only their feed. */
export const PERSONAL_USER = 'me';

/** Whether this machine's worker syncs through this very node into the personal space. */
export function isBridged(connection: Connection | null): boolean {
  return connection !== null && connection.tokenId !== null && connection.user === PERSONAL_USER;
}
