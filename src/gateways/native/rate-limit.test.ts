import { describe, expect, it } from 'vitest';
import { addressKey, createRateLimiter } from './rate-limit.ts';

function clockAt(start: number) {
  const clock = { time: start, now: () => clock.time, sleep: async () => undefined };
  return clock;
}

describe('rate limits', () => {
  it('let a burst pass, then so many a second, each key by itself', () => {
    const clock = clockAt(0);
    const limiter = createRateLimiter({ burst: 3, perSecond: 2 }, clock);
    expect([1, 2, 3, 4].map(() => limiter.take('a'))).toEqual([0, 0, 0, 1]);
    expect(limiter.take('b')).toBe(0);
    clock.time = 1_000;
    expect([1, 2, 3].map(() => limiter.take('a'))).toEqual([0, 0, 1]);
    clock.time = 1_000_000;
    expect([1, 2, 3, 4].map(() => limiter.take('a'))).toEqual([0, 0, 0, 1]);
  });

  it('survive a clock that is set back', () => {
    const clock = clockAt(1_000_000);
    const limiter = createRateLimiter({ burst: 1, perSecond: 1 }, clock);
    limiter.take('a');
    clock.time = 0;
    expect(limiter.take('a')).toBe(1);
    clock.time = 1_000;
    expect(limiter.take('a')).toBe(0);
  });

  it('count an IPv6 network of one customer as one', () => {
    expect(addressKey('203.0.113.9')).toBe('203.0.113.9');
    expect(addressKey('::ffff:203.0.113.9')).toBe('203.0.113.9');
    expect(addressKey('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2');
    expect(addressKey('2001:db8:1:2::9')).toBe(addressKey('2001:db8:1:2:ffff::1'));
    expect(addressKey('2001:db8::9')).toBe('2001:db8:0:0');
    expect(addressKey('::1')).toBe('0:0:0:0');
  });
});
