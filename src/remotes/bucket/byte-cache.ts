/** What was read last, up to so many bytes in all; one value at least, however large. */
export interface ByteCache<T> {
  get(key: string): T | undefined;
  put(key: string, value: T, bytes: number): void;
  forget(key: string): void;
  clear(): void;
}

export function createByteCache<T>(capacity: number): ByteCache<T> {
  const kept = new Map<string, { readonly value: T; readonly bytes: number }>();
  let total = 0;

  function forget(key: string): void {
    total -= kept.get(key)?.bytes ?? 0;
    kept.delete(key);
  }

  return {
    get(key) {
      const found = kept.get(key);
      if (found === undefined) return undefined;
      kept.delete(key); // to the end: it was used last
      kept.set(key, found);
      return found.value;
    },
    put(key, value, bytes) {
      forget(key);
      kept.set(key, { value, bytes });
      total += bytes;
      for (const oldest of kept.keys()) {
        if (total <= capacity || kept.size === 1) break;
        forget(oldest);
      }
    },
    forget,
    clear() {
      kept.clear();
      total = 0;
    },
  };
}
