import { describe, expect, it } from 'vitest';
import type { Clock } from '../core/ports/clock.ts';
import { createIdleMemory } from './idle-memory.ts';

const MUCH = 100 * 1024 * 1024;
const turn = () => new Promise((resolve) => setImmediate(resolve));

function setUp(used: number) {
  const sleepers: (() => void)[] = [];
  const clock: Clock = { now: () => 0, sleep: () => new Promise((resolve) => sleepers.push(resolve)) };
  const stop = new AbortController();
  let collected = 0;
  const memory = createIdleMemory({ clock, signal: stop.signal, used: () => used, collect: () => (collected += 1) });
  const wake = async () => (sleepers.splice(0).forEach((each) => each()), turn());
  return { memory, wake, stop, collected: () => collected, sleeping: () => sleepers.length };
}

describe('idle memory', () => {
  it('is collected once, after a burst of work has ended', async () => {
    const { memory, wake, collected, sleeping } = setUp(MUCH);
    expect(sleeping()).toBe(0);
    for (let time = 0; time < 3; time++) {
      memory.touch();
      memory.touch();
      await wake();
      expect(collected()).toBe(0);
    }
    await wake();
    expect([collected(), sleeping()]).toEqual([1, 0]);
    memory.touch();
    await wake();
    expect(collected()).toBe(2);
  });

  it('is left alone where there is little of it, and at the end', async () => {
    const little = setUp(1024);
    little.memory.touch();
    await little.wake();
    expect(little.collected()).toBe(0);
    const ending = setUp(MUCH);
    ending.memory.touch();
    ending.stop.abort();
    await ending.wake();
    ending.memory.touch();
    expect([ending.collected(), ending.sleeping()]).toEqual([0, 0]);
  });
});
