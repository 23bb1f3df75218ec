import { describe, expect, it } from 'vitest';
import type { Clock } from '../core/ports/clock.ts';
import { createIdleMemory } from './idle-memory.ts';

const MUCH = 100 * 1024 * 1024;
const turn = () => new Promise((resolve) => setImmediate(resolve));

function setUp(bytes: number) {
  const sleepers: (() => void)[] = [];
  const clock: Clock = { now: () => 0, sleep: () => new Promise((resolve) => sleepers.push(resolve)) };
  const stop = new AbortController();
  const heap = { bytes, collected: 0, released: 0 };
  const memory = createIdleMemory({
    clock,
    signal: stop.signal,
    release: () => void (heap.released += 1),
    used: () => heap.bytes,
    collect: () => void (heap.collected += 1),
  });
  const wake = async () => (sleepers.splice(0).forEach((each) => each()), turn());
  return { memory, wake, stop, heap, sleeping: () => sleepers.length };
}

describe('idle memory', () => {
  it('is collected once, after a burst of work has ended', async () => {
    const { memory, wake, heap, sleeping } = setUp(MUCH);
    expect(sleeping()).toBe(0);
    for (let time = 0; time < 3; time++) {
      memory.touch();
      memory.touch();
      await wake();
      expect([heap.collected, heap.released]).toEqual([0, 0]);
    }
    await wake();
    expect([heap.collected, heap.released, sleeping()]).toEqual([1, 1, 0]);
  });

  it('is not collected again while little came to what was left', async () => {
    const { memory, wake, heap } = setUp(MUCH);
    for (const [bytes, collected] of [
      [MUCH, 1],
      [1.2 * MUCH, 1],
      [1.3 * MUCH, 2],
      [1.5 * MUCH, 2],
    ] as const) {
      heap.bytes = bytes;
      memory.touch();
      await wake();
      expect(heap.collected).toBe(collected);
    }
  });

  it('is left alone where there is little of it, and at the end', async () => {
    const little = setUp(1024);
    little.memory.touch();
    await little.wake();
    expect(little.heap.collected).toBe(0);
    const ending = setUp(MUCH);
    ending.memory.touch();
    ending.stop.abort();
    await ending.wake();
    ending.memory.touch();
    expect([ending.heap.collected, ending.sleeping()]).toEqual([0, 0]);
  });
});
