import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { View } from '../ports/store.ts';
import { createFewViews } from './few-views.ts';

const PART = 'views of tree:claude';
const view = (name: string, local: string): View => ({ item: { kind: 'json', name }, shown: null, intended: null, notHere: null, local });

/** Views by name, written by the writer itself or by others, a turn or more after it was asked. */
function table() {
  const views = new Map<string, string>();
  let [writes, looks] = [0, 0];
  const turns = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
  };
  const standing = (under: readonly string[]): View[] =>
    [...views].filter(([name]) => under.some((each) => name === each || name.startsWith(`${each}/`))).map((entry) => view(...entry));
  const few = createFewViews({ writes: () => writes }, PART, async (under) => {
    looks += 1;
    await turns(2);
    return standing(under);
  });
  const put = async (name: string, text: string): Promise<void> => {
    await turns(1);
    views.set(name, text);
    await turns(1);
    writes += 1;
    await turns(1);
  };
  return { few, put, standing, turns, own: (name: string, text: string) => few.write([name], () => put(name, text)), looks: () => looks };
}

it('asks again for what was written, by whomever, and not for what was not', async () => {
  const { few, put, own, looks } = table();
  expect(await few.get(['settings.json', 'hooks'])).toEqual([]);
  await own('projects/a.jsonl', 'one');
  expect(await few.get(['settings.json', 'hooks'])).toEqual([]);
  expect(looks()).toBe(1);
  await own('hooks/a.sh', 'one');
  expect(await few.get(['settings.json', 'hooks'])).toEqual([view('hooks/a.sh', 'one')]);
  await put('settings.json', 'two');
  expect(few.known(['settings.json', 'hooks'])).toBeNull();
  expect(await few.get(['settings.json', 'hooks'])).toHaveLength(2);
  expect(looks()).toBe(3);
  expect(await few.known(['settings.json', 'hooks'])).toHaveLength(2);
  expect(few.known(['settings.json'])).toBeNull();
  expect(looks()).toBe(3);
});

it('answers as the table stands, whoever writes when', async () => {
  const name = fc.constantFrom('a', 'a/b', 'c');
  const step = fc.record({ by: fc.constantFrom('own', 'others', 'failed', 'asked'), name, turns: fc.nat(6) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const { few, put, own, standing, turns } = table();
      let open: Promise<unknown> = Promise.resolve();
      for (const [index, { by, name, turns: count }] of steps.entries()) {
        // One transaction at a time, as a store has it; questions at any time.
        const next = (work: () => Promise<unknown>): void => void (open = open.then(work));
        if (by === 'own') next(() => own(name, String(index)));
        else if (by === 'others') next(() => put(name, String(index)));
        else if (by === 'failed') next(() => few.write([name], () => Promise.reject(new Error('disk full'))).catch(() => undefined));
        else void few.get(['a']);
        await turns(count);
      }
      await open;
      expect((await few.known(['a'])) ?? standing(['a'])).toEqual(standing(['a']));
      expect(await few.get(['a'])).toEqual(standing(['a']));
      expect(await few.get(['c'])).toEqual(standing(['c']));
    }),
    { numRuns: 300 },
  );
});

it('keeps no answer of many views, and asks again after a failure', async () => {
  let asked = 0;
  const few = createFewViews({ writes: () => 0 }, PART, async () => {
    asked += 1;
    if (asked === 1) throw new Error('the disk failed');
    return Array.from({ length: asked === 2 ? 65 : 1 }, (_, index) => view(`a/${index}`, ''));
  });
  await expect(few.get(['a'])).rejects.toThrow('the disk failed');
  expect(await few.get(['a'])).toHaveLength(65);
  expect([(await few.get(['a'])).length, (await few.get(['a'])).length]).toEqual([1, 1]);
  expect(asked).toBe(3);
});
