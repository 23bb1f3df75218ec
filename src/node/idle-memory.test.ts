import { describe, expect, it } from 'vitest';
import type { Clock } from '../core/ports/clock.ts';
import { createIdleMemory } from './idle-memory.ts';

const MUCH = 100 * 1024 * 1024;
const turn = () => new Promise((resolve) => setImmediate(resolve));

function setUp(bytes: number) {
  const sleepers: (() => void)[] = [];
  const clock: Clock = { now: () => 0, sleep: () => new Promise((resolve) => sleepers.push(resolve)) };
  const stop = new AbortController();
  const heap = { bytes, collected: 0, released: 0, isCalm: [] as boolean[] };
  const memory = createIdleMemory({
    clock,
    signal: stop.signal,
    release: () => Promise.resolve(void (heap.released += 1)),
    usage: () => ({ used: heap.bytes, held: heap.bytes }),
    collect(isCalm) {
      heap.collected += 1;
      heap.isCalm.push(isCalm);
    },
  });
  const wake = async () => (sleepers.splice(0).forEach((each) => each()), turn());
  const touch = async () => (memory.touch(), turn());
  return { memory, touch, wake, stop, heap, sleeping: () => sleepers.length };
}

describe('idle memory', () => {
  it('is collected after a burst of work has ended, and once more when nothing has followed', async () => {
    const { touch, wake, heap, sleeping } = setUp(MUCH);
    expect(sleeping()).toBe(0);
    for (let time = 0; time < 3; time++) {
      await touch();
      await touch();
      await wake();
      expect([heap.collected, heap.released]).toEqual([0, 0]);
    }
    await wake();
    expect([heap.collected, heap.released, sleeping()]).toEqual([1, 1, 1]);
    await wake();
    expect([heap.collected, heap.released, sleeping()]).toEqual([2, 2, 0]);
    expect(heap.isCalm).toEqual([false, true]);
  });

  it('stays as it is in the midst of work that takes long', async () => {
    const { memory, wake, heap } = setUp(MUCH);
    let end = (): void => undefined;
    const work = memory.during(() => new Promise<string>((resolve) => (end = () => resolve('done'))));
    await turn();
    for (let time = 0; time < 3; time++) await wake();
    expect(heap.collected).toBe(0);
    end();
    expect(await work).toBe('done');
    await wake();
    await wake();
    expect(heap.collected).toBe(1);
  });

  it('is not collected again while little came to what was left', async () => {
    const { touch, wake, heap } = setUp(MUCH);
    for (const [bytes, collected] of [
      [MUCH, 2],
      [1.05 * MUCH, 2],
      [1.3 * MUCH, 4],
      [1.4 * MUCH, 4],
    ] as const) {
      heap.bytes = bytes;
      await touch();
      await wake();
      await wake();
      expect(heap.collected).toBe(collected);
    }
  });

  it('is given back at last although the end of the burst found no more than its midst', async () => {
    const { touch, wake, heap } = setUp(MUCH);
    await touch();
    await wake();
    await touch(); // the burst goes on
    await wake();
    expect(heap.collected).toBe(1);
    await wake();
    expect(heap.collected).toBe(1);
    await wake();
    expect(heap.collected).toBe(2);
  });

  it('is left alone at the end', async () => {
    const { memory, touch, wake, stop, heap, sleeping } = setUp(MUCH);
    await touch();
    stop.abort();
    await wake();
    await wake();
    await memory.ended();
    await touch();
    expect([heap.collected, sleeping()]).toEqual([0, 0]);
  });
});
