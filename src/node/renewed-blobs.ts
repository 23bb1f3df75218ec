import { isDeepStrictEqual } from 'node:util';
import type { BlobsAddress } from '../blobs/address.ts';
import type { BlobsCredentials } from '../blobs/credentials.ts';
import type { DriverDeps } from '../blobs/driver-deps.ts';
import { openBlobs } from '../blobs/drivers.ts';
import type { Blobs } from '../core/ports/blobs.ts';
import { RemoteError } from '../core/ports/remote.ts';
import { bucketCredentials, WrongBucketsFile, type CredentialSources } from './bucket-credentials.ts';

/** What opens a bucket, as it stands now. Throws RemoteError, `unauthorized`: the file is wrong, or nothing opens it. */
export async function credentialsNow(address: BlobsAddress, sources: CredentialSources): Promise<BlobsCredentials> {
  const credentials = await bucketCredentials(address, sources);
  if (credentials.ok) return credentials.value;
  const { message, isOfFile } = credentials.error;
  throw isOfFile ? new WrongBucketsFile(message) : new RemoteError('unauthorized', message);
}

export interface RenewedBlobsDeps {
  readonly sources: CredentialSources;
  readonly driver: DriverDeps;
}

/** A bucket as one key opens it, as long as somebody asks it something. */
interface Opened {
  readonly blobs: Blobs;
  readonly credentials: BlobsCredentials;
  asking: number;
}

/**
 * A bucket whose credentials may be replaced while it is open (rotated keys, session tokens that expire): where it says `unauthorized`, what
 * opens it is read anew, and if that is something else by now, the same is asked once more with it. Takes `first` over.
 */
export function renewedBlobs(first: Blobs, credentials: BlobsCredentials, address: BlobsAddress, deps: RenewedBlobsDeps): Blobs {
  let now: Opened = { blobs: first, credentials, asking: 0 };
  let renewing: Promise<void> | null = null;
  let isClosed = false;

  async function renew(refused: Opened): Promise<void> {
    if (now !== refused || isClosed) return; // somebody else was turned away too, and did it
    const found = await credentialsNow(address, deps.sources);
    if (isDeepStrictEqual(found, refused.credentials)) return;
    const blobs = await openBlobs(address, found, deps.driver);
    if (isClosed) return blobs.close();
    now = { blobs, credentials: found, asking: 0 };
    await closeUnused(refused);
  }

  /** What is under way with the key before ends first. */
  async function closeUnused(opened: Opened): Promise<void> {
    if (opened !== now && opened.asking === 0) await opened.blobs.close();
  }

  async function askOf<T>(opened: Opened, work: (blobs: Blobs) => Promise<T>): Promise<T> {
    opened.asking += 1;
    try {
      return await work(opened.blobs);
    } finally {
      opened.asking -= 1;
      await closeUnused(opened);
    }
  }

  async function ask<T>(work: (blobs: Blobs) => Promise<T>): Promise<T> {
    const asked = now;
    try {
      return await askOf(asked, work);
    } catch (error) {
      if (!(error instanceof RemoteError) || error.type !== 'unauthorized') throw error;
      renewing ??= renew(asked).finally(() => (renewing = null));
      await renewing;
      if (now === asked) throw error;
      return askOf(now, work);
    }
  }

  return {
    address: first.address,
    create: (name, bytes) => ask((blobs) => blobs.create(name, bytes)),
    write: (name, bytes) => ask((blobs) => blobs.write(name, bytes)),
    read: (name, part) => ask((blobs) => blobs.read(name, part)),
    size: (name) => ask((blobs) => blobs.size(name)),
    list: (prefix, query) => ask((blobs) => blobs.list(prefix, query)),
    remove: (names) => ask((blobs) => blobs.remove(names)),
    close() {
      isClosed = true;
      return now.blobs.close();
    },
  };
}
