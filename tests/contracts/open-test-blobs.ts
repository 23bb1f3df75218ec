import { randomBytes } from 'node:crypto';
import { parseBlobsAddress } from '../../src/blobs/address.ts';
import type { BlobsCredentials } from '../../src/blobs/credentials.ts';
import { openBlobs } from '../../src/blobs/drivers.ts';
import type { RetryOptions } from '../../src/blobs/retries.ts';
import type { Blobs } from '../../src/core/ports/blobs.ts';
import { createSystemClock } from '../../src/node/system.ts';

/** By the system's clock and randomness. */
export function openTestBlobs(text: string, credentials: BlobsCredentials, retries: Partial<RetryOptions> = {}): Promise<Blobs> {
  const address = parseBlobsAddress(text);
  if (!address.ok) throw new Error(address.error);
  return openBlobs(address.value, credentials, { clock: createSystemClock(), random: { bytes: (length) => randomBytes(length) }, retries });
}
