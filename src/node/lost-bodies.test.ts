import { describe, expect, it } from 'vitest';
import { createTestClock } from '../../tests/contracts/test-clock.ts';
import type { RecordHash } from '../core/ids.ts';
import type { Replica } from '../core/replica/replica.ts';
import { createLostBodies } from './lost-bodies.ts';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const head = (position: number) => ({ term: 0, position, hash: `${position}`.padStart(64, '0') as RecordHash });

describe('a home that tells of its head again', () => {
  it('means something else by it, and is heeded, unless it never stops', () => {
    const clock = createTestClock();
    const lost = createLostBodies({ replica: {} as Replica, clock, log });
    expect([lost.isTold(null), lost.isTold(head(1)), lost.isTold(head(2)), lost.isTold(null), lost.isTold(null)]).toEqual(
      Array(5).fill(false),
    );
    expect(lost.isTold(head(2))).toBe(false);
    lost.cameBack(head(3));
    expect([lost.isTold(head(3)), lost.isTold(head(2))]).toEqual([true, false]);
    clock.advance(60_000);
    const heeded = (): number => Array.from({ length: 100 }, () => lost.isTold(head(2))).filter(Boolean).length;
    expect(heeded()).toBe(30);
    expect(heeded()).toBe(0);
    clock.advance(60_000);
    expect(heeded()).toBe(30);
  });
});
