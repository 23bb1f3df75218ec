import { isIPv6 } from 'node:net';
import type { Clock } from '../../core/ports/clock.ts';

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export interface RateLimiter {
  /** 0 where the caller may go on, else the seconds after which to come again. O(1). */
  take(key: string): number;
}

interface Bucket {
  level: number;
  at: number;
}

/** Enough for any honest hub; a flood of addresses pushes out the oldest bucket, not the memory. */
const BUCKETS_KEPT = 20_000;

/** Token buckets in memory, one a key. */
export function createRateLimiter({ burst, perSecond }: Rate, clock: Clock): RateLimiter {
  const buckets = new Map<string, Bucket>();
  return {
    take(key) {
      const now = clock.now();
      const bucket = buckets.get(key) ?? { level: burst, at: now };
      // A clock that was set back gives nothing, and takes nothing away.
      bucket.level = Math.min(burst, bucket.level + (Math.max(0, now - bucket.at) / 1000) * perSecond);
      bucket.at = now;
      buckets.delete(key);
      buckets.set(key, bucket);
      if (buckets.size > BUCKETS_KEPT) buckets.delete(buckets.keys().next().value as string);
      if (bucket.level < 1) return Math.ceil((1 - bucket.level) / perSecond);
      bucket.level -= 1;
      return 0;
    },
  };
}

/** What counts as one caller: an IPv4 address, or the /64 that an IPv6 address lies in. */
export function addressKey(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address; // asked in this order: Node looks with a long pattern
  if (address.startsWith('::ffff:')) return address.slice(7);
  const [left = '', right] = address.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const zeros = right === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array<string>(zeros).fill('0'), ...tail].slice(0, 4).join(':');
}
