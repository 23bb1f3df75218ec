import { describe, expect, it } from 'vitest';
import { createLargeInTurn, type LargeInTurn } from './large-in-turn.ts';

describe('large ones between small ones', () => {
  const ask = (turns: LargeInTurn, order: string[], name: string): Promise<void> => turns.turn().then(() => void order.push(name));
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('come after so many small ones each, first come, first served', async () => {
    const [turns, order] = [createLargeInTurn(2), [] as string[]];
    for (const name of ['a', 'b']) void ask(turns, order, name);
    turns.small();
    await settle();
    expect(order).toEqual([]);
    turns.small();
    await settle();
    expect(order).toEqual(['a']);
    turns.small();
    await settle();
    expect(order).toEqual(['a']);
    turns.small();
    await settle();
    expect(order).toEqual(['a', 'b']);
  });

  it('need not wait where enough small ones went since the last one', async () => {
    const [turns, order] = [createLargeInTurn(2), [] as string[]];
    for (let i = 0; i < 5; i += 1) turns.small();
    await ask(turns, order, 'a');
    void ask(turns, order, 'b');
    await settle();
    expect(order).toEqual(['a']);
  });

  it('all go when no more small ones come', async () => {
    const [turns, order] = [createLargeInTurn(2), [] as string[]];
    const waiting = ['a', 'b'].map((name) => ask(turns, order, name));
    turns.smallEnded();
    await Promise.all(waiting);
    await ask(turns, order, 'c');
    expect(order).toEqual(['a', 'b', 'c']);
  });
});
