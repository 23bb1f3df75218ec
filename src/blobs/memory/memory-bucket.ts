import { RemoteError } from '../../core/ports/remote.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import { checkBlob, checkName, checkNames, checkPart, checkQuery } from '../checks.ts';

/** A bucket in this process's memory, which any number of clients open: as durable as the process is. */
export interface MemoryBucket {
  open(): Blobs;
}

export interface MemoryBucketOptions {
  readonly address?: string;
  /**
   * Asked at each listing for each name that changed: true keeps the change from being listed this time. Absent: listings
   * are fresh.
   */
  readonly lagging?: (name: string) => boolean;
}

export function createMemoryBucket(options: MemoryBucketOptions = {}): MemoryBucket {
  const blobs = new Map<string, Uint8Array>();
  /** What listings still show of names that changed: a size, or null for none. */
  const stale = new Map<string, number | null>();

  function change(name: string, bytes: Uint8Array | null): void {
    if (options.lagging !== undefined && !stale.has(name)) stale.set(name, blobs.get(name)?.length ?? null);
    if (bytes === null) blobs.delete(name);
    else blobs.set(name, Uint8Array.from(bytes));
  }

  function listed(): Map<string, number> {
    const sizes = new Map(Array.from(blobs, ([name, bytes]) => [name, bytes.length]));
    for (const [name, size] of stale) {
      if (options.lagging?.(name) !== true) stale.delete(name);
      else if (size === null) sizes.delete(name);
      else sizes.set(name, size);
    }
    return sizes;
  }

  function open(): Blobs {
    let isOpen = true;
    const begin = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve)); // as a network: what was asked at once runs interleaved
      if (!isOpen) throw new RemoteError('unreachable', 'the bucket was closed');
    };
    return {
      address: options.address ?? 'memory:',
      async create(name, bytes) {
        checkBlob(name, bytes);
        await begin();
        if (blobs.has(name)) return 'exists';
        change(name, bytes);
        return 'created';
      },
      async write(name, bytes) {
        checkBlob(name, bytes);
        await begin();
        change(name, bytes);
      },
      async read(name, part) {
        checkName(name);
        if (part !== undefined) checkPart(part);
        await begin();
        const bytes = blobs.get(name);
        if (bytes === undefined) return null;
        return part === undefined ? bytes.slice() : bytes.slice(part.offset, part.offset + part.length);
      },
      async size(name) {
        checkName(name);
        await begin();
        return blobs.get(name)?.length ?? null;
      },
      async list(prefix, query) {
        checkQuery(prefix, query);
        await begin();
        const { after = '', limit } = query;
        const names = Array.from(listed(), ([name, size]) => ({ name, size }))
          .filter(({ name }) => name.startsWith(prefix) && name > after)
          .toSorted((a, b) => (a.name < b.name ? -1 : 1));
        return { blobs: names.slice(0, limit), isLast: names.length <= limit };
      },
      async remove(names) {
        checkNames(names);
        await begin();
        for (const name of names) if (blobs.has(name)) change(name, null);
      },
      async close() {
        isOpen = false;
      },
    };
  }

  return { open };
}
