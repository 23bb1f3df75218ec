import type { Lease } from '../../core/lease.ts';

export interface WireLock {
  readonly clientId: string;
  readonly acquiredAt: string;
  readonly expiresAt: string;
}

export function wireLock({ holder, acquired, expires }: Lease): WireLock {
  return { clientId: holder, acquiredAt: wireTime(acquired), expiresAt: wireTime(expires) };
}

/** ISO 8601 with milliseconds. */
export function wireTime(time: number): string {
  return new Date(time).toISOString();
}

/** Later than whatever a client's clock says. */
export const LATEST = '9999-12-31T23:59:59.999Z';
/** Earlier than any file. */
export const EARLIEST = '1970-01-01T00:00:00.001Z';
