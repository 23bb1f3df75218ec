import { expect, it } from 'vitest';
import type { Revision } from '../ids.ts';
import type { ItemState } from '../ports/store.ts';
import { createLastStates } from './last-states.ts';

const item = (name: string) => ({ kind: 'transcript', name });
const state = (name: string, position: number): ItemState => ({
  item: item(name),
  revision: `${position}`.padStart(64, '0') as Revision,
  position,
  content: null,
});

function table() {
  let writes = 0;
  const last = createLastStates({ writes: () => writes });
  const put = (count: number, ...made: ItemState[]): Promise<readonly ItemState[]> =>
    last.writing(
      async () => {
        writes += count;
        return made;
      },
      (result) => result,
    );
  return { last, put };
}
const positions = (found: Map<string, ItemState> | null): number[] | null => found && [...found.values()].map(({ position }) => position);

it('knows what was written last of a few items, all of those asked for or none', async () => {
  const { last, put } = table();
  expect(last.all([item('a')])).toBeNull();
  await put(1, state('a', 1));
  await put(1, state('b', 2));
  await put(1, state('a', 3));
  expect(positions(last.all([item('a'), item('b')]))).toEqual([3, 2]);
  expect(last.all([item('a'), item('c')])).toBeNull();
  await put(0); // nothing took effect
  expect(positions(last.all([item('b')]))).toEqual([2]);
  for (let n = 0; n < 16; n += 1) await put(1, state(`${n}`, n));
  expect(last.all([item('a')])).toBeNull();
  expect(positions(last.all([item('0')]))).toEqual([0]);
});

it('forgets all where somebody else wrote, beside its own transaction or between two, or where one failed', async () => {
  const { last, put } = table();
  await put(1, state('a', 1));
  await put(2, state('a', 2));
  expect(last.all([item('a')])).toBeNull();
  await put(1, state('a', 3));
  expect(positions(last.all([item('a')]))).toEqual([3]);
  let writes = 0;
  const other = createLastStates({ writes: () => writes });
  const write = (): Promise<unknown> =>
    other.writing(
      async () => void (writes += 1),
      () => [state('a', 1)],
    );
  await write();
  expect(positions(other.all([item('a')]))).toEqual([1]);
  const fails = async (): Promise<never> => {
    writes += 1;
    throw new Error('disk full');
  };
  await expect(other.writing(fails, () => [])).rejects.toThrow('disk full');
  expect(other.all([item('a')])).toBeNull();
  await write();
  writes += 1;
  expect(other.all([item('a')])).toBeNull();
});

it('keeps nothing where a store cannot count its writes', async () => {
  const last = createLastStates({});
  await last.writing(
    () => Promise.resolve(),
    () => [state('a', 1)],
  );
  expect(last.all([item('a')])).toBeNull();
});
