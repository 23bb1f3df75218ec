import type { Blobs } from '../core/ports/blobs.ts';
import type { Random } from '../core/ports/random.ts';
import type { BlobsAddress } from './address.ts';
import type { BlobsCredentials } from './credentials.ts';
import type { DriverDeps } from './driver-deps.ts';
import { openBlobs } from './drivers.ts';
import { probeBlobs } from './probe.ts';

/** Opens a bucket that this node did not use before, and probes it: as `openBlobs`, and throws what `probeBlobs` does. */
export async function attachBlobs(address: BlobsAddress, credentials: BlobsCredentials, deps: DriverDeps): Promise<Blobs> {
  const [blobs, stranger] = await Promise.all([
    openBlobs(address, credentials, deps),
    openBlobs(address, wrongly(credentials, deps.random), deps),
  ]);
  try {
    await probeBlobs(blobs, { random: deps.random, stranger });
    return blobs;
  } catch (error) {
    await blobs.close();
    throw error;
  } finally {
    await stranger.close();
  }
}

/** The same, with a secret that is not the right one. */
function wrongly(credentials: BlobsCredentials, random: Random): BlobsCredentials {
  const secret = Buffer.from(random.bytes(32)).toString('base64');
  if (credentials.driver === 's3') return { ...credentials, secretAccessKey: secret };
  if (credentials.type === 'key') return { ...credentials, key: secret };
  const sas = new URLSearchParams(credentials.sas);
  sas.set('sig', secret);
  return { ...credentials, sas: sas.toString() };
}
