import type { Blobs } from '../../src/core/ports/blobs.ts';

export type BlobsCall = 'create' | 'write' | 'read' | 'size' | 'list' | 'remove';

/** Runs before a call and after it; what it throws is the call's answer. */
export interface BlobsHooks {
  readonly before?: (call: BlobsCall, name: string) => void | Promise<void>;
  readonly after?: (call: BlobsCall, name: string) => void | Promise<void>;
}

/** A bucket whose calls a test looks at, holds up, or lets fail before or after they were done. */
export function hookBlobs(blobs: Blobs, { before, after }: BlobsHooks): Blobs {
  async function hooked<T>(call: BlobsCall, name: string, run: () => Promise<T>): Promise<T> {
    await before?.(call, name);
    const answer = await run();
    await after?.(call, name);
    return answer;
  }
  return {
    address: blobs.address,
    create: (name, bytes) => hooked('create', name, () => blobs.create(name, bytes)),
    write: (name, bytes) => hooked('write', name, () => blobs.write(name, bytes)),
    read: (name, part) => hooked('read', name, () => blobs.read(name, part)),
    size: (name) => hooked('size', name, () => blobs.size(name)),
    list: (prefix, query) => hooked('list', prefix, () => blobs.list(prefix, query)),
    remove: (names) => hooked('remove', names[0] ?? '', () => blobs.remove(names)),
    close: () => blobs.close(),
  };
}
