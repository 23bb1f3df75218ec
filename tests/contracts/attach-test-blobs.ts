import { randomBytes } from 'node:crypto';
import { parseBlobsAddress } from '../../src/blobs/address.ts';
import { attachBlobs } from '../../src/blobs/attach-blobs.ts';
import type { BlobsCredentials } from '../../src/blobs/credentials.ts';
import { createSystemClock } from '../../src/node/system.ts';

/** `fit`, or why the probe refused: `type: reason`. */
export async function attachTestBlobs(text: string, credentials: BlobsCredentials): Promise<string> {
  const address = parseBlobsAddress(text);
  if (!address.ok) throw new Error(address.error);
  const deps = { clock: createSystemClock(), random: { bytes: (length: number) => randomBytes(length) }, retries: { attempts: 2 } };
  try {
    await (await attachBlobs(address.value, credentials, deps)).close();
    return 'fit';
  } catch (error) {
    const { type, message } = error as { type?: string; message: string };
    return `${type}: ${message.replace(`${address.value.text}: `, '')}`;
  }
}
