import type { Blobs } from '../core/ports/blobs.ts';
import type { BlobsAddress } from './address.ts';
import type { BlobsCredentials } from './credentials.ts';
import type { DriverDeps } from './driver-deps.ts';

/**
 * The only list of drivers of buckets. Loads what the driver needs, and asks the bucket nothing: `probeBlobs` says whether
 * it is there and fit. Throws for credentials of another driver (a bug).
 */
export async function openBlobs(address: BlobsAddress, credentials: BlobsCredentials, deps: DriverDeps): Promise<Blobs> {
  if (address.driver === 's3' && credentials.driver === 's3') {
    return (await import('./s3/open-s3.ts')).openS3(address, credentials, deps);
  }
  if (address.driver === 'azure' && credentials.driver === 'azure') {
    return (await import('./azure/open-azure.ts')).openAzure(address, credentials, deps);
  }
  throw new Error(`credentials for ${credentials.driver} do not open ${address.text}`);
}
