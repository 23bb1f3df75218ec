import { bytesToHex, isHex16 } from '../../core/ids.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Random } from '../../core/ports/random.ts';
import { PlaceLost, RemoteError } from '../../core/ports/remote.ts';

/** The blob that makes a bucket (or a prefix in one) a remote, and an empty one none. */
export const MARKER = 'satchel-bucket.json';

export interface BucketMarker {
  readonly id: string;
  /**
   * Milliseconds, for all who use the bucket: small appends of one machine come so far apart at least, and whoever
   * watches looks so often at most.
   */
  readonly batchEvery: number;
}

export const BATCH_EVERY = 2_000;

const FORMAT = 'satchel-bucket';
const VERSION = 1;
const MARKER_LIMIT = 4_096;
export const LONGEST_BATCH = 10 * 60_000;

/** `null` where there is none. Throws a RemoteError for one of another version, or none that reads. */
export async function readMarker(blobs: Blobs): Promise<BucketMarker | null> {
  const bytes = await blobs.read(MARKER, { offset: 0, length: MARKER_LIMIT });
  if (bytes === null) return null;
  const fields = parse(Buffer.from(bytes).toString('utf8'));
  const at = `${MARKER} in ${blobs.address}`;
  if (fields?.['format'] !== FORMAT) throw new RemoteError('protocol', `${at} is damaged or of another program`);
  const { version, id, batchMs } = fields;
  if (version !== VERSION)
    throw new RemoteError('protocol', `${at} is of format version ${String(version)}; this Satchel knows ${VERSION}: update it`);
  const isBatch = typeof batchMs === 'number' && Number.isSafeInteger(batchMs) && batchMs >= 0 && batchMs <= LONGEST_BATCH;
  if (!isHex16(id) || !isBatch) throw new RemoteError('protocol', `${at} is damaged`);
  return { id, batchEvery: batchMs };
}

/** Makes the marker; of several at once one wins. Answers the one that is there. */
export async function writeMarker(blobs: Blobs, random: Random, batchEvery: number): Promise<BucketMarker> {
  const marker = { format: FORMAT, version: VERSION, id: bytesToHex(random.bytes(16)), batchMs: batchEvery };
  await blobs.create(MARKER, Buffer.from(`${JSON.stringify(marker)}\n`));
  const there = await readMarker(blobs);
  if (there === null) throw new RemoteError('unreachable', `${blobs.address}: what was written cannot be read`);
  return there;
}

export function noMarker(address: string): PlaceLost {
  return new PlaceLost(`${address} holds no ${MARKER}: it was emptied, or is not the one meant`);
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null; // no JSON
  }
}
