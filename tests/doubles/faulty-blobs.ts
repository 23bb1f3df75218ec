import type { Blobs } from '../../src/core/ports/blobs.ts';
import { RemoteError } from '../../src/core/ports/remote.ts';

export type BlobsCall = Exclude<keyof Blobs, 'address' | 'close'>;

/** What goes wrong with a call: it does not arrive, or it does and its answer is lost. */
export type BlobsFault = 'request' | 'answer' | null;

/** A bucket behind a network: `next` is asked before each call, and sees them all. */
export function createFaultyBlobs(blobs: Blobs, next: (call: BlobsCall, name: string) => BlobsFault): Blobs {
  async function through<T>(call: BlobsCall, name: string, run: () => Promise<T>): Promise<T> {
    const fault = next(call, name);
    if (fault === 'request') throw new RemoteError('unreachable', `${call}: the request was lost`);
    const answer = await run();
    if (fault === 'answer') throw new RemoteError('unreachable', `${call}: the answer was lost`);
    return answer;
  }
  return {
    address: blobs.address,
    create: (name, bytes) => through('create', name, () => blobs.create(name, bytes)),
    write: (name, bytes) => through('write', name, () => blobs.write(name, bytes)),
    read: (name, part) => through('read', name, () => blobs.read(name, part)),
    size: (name) => through('size', name, () => blobs.size(name)),
    list: (prefix, query) => through('list', prefix, () => blobs.list(prefix, query)),
    remove: (names) => through('remove', names[0] ?? '', () => blobs.remove(names)),
    close: () => blobs.close(),
  };
}
