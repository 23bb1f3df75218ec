import { expect, it } from 'vitest';
import { IndexDamaged, IndexMoved, type TextIndex } from '../../core/ports/text-index.ts';
import { createRecall } from './recall.ts';

/** A place whose index fails as told, one failure after the other, and then no more. */
function failing(failures: Error[]): { recall: ReturnType<typeof createRecall>; events: string[] } {
  const events: string[] = [];
  const index = {
    async spaces() {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return [];
    },
    async close() {
      events.push('closed');
    },
  } as unknown as TextIndex;
  const recall = createRecall({
    async open() {
      events.push('opened');
      return index;
    },
    async remove() {
      events.push('removed');
    },
    size: async () => 0,
  });
  return { recall, events };
}

it('begins work again where another process wrote what it had looked at', async () => {
  const { recall, events } = failing([new IndexMoved('moved'), new IndexMoved('moved')]);
  const said: string[] = [];
  expect(
    await recall.use(
      (index) => index.spaces(),
      (line) => said.push(line),
    ),
  ).toEqual([]);
  expect([events, said]).toEqual([['opened', 'closed', 'opened', 'closed', 'opened', 'closed'], []]);
});

it('gives up where others are always faster, and passes on what else goes wrong', async () => {
  const use = (failures: Error[]) =>
    failing(failures).recall.use(
      (index) => index.spaces(),
      () => undefined,
    );
  await expect(use(Array.from({ length: 60 }, () => new IndexMoved('moved')))).rejects.toThrow(IndexMoved);
  await expect(use([new Error('away')])).rejects.toThrow('away');
});

it('makes a damaged index anew, once, and says so', async () => {
  const { recall, events } = failing([new IndexDamaged('torn')]);
  const said: string[] = [];
  await recall.use(
    (index) => index.spaces(),
    (line) => said.push(line),
  );
  expect(events).toEqual(['opened', 'closed', 'removed', 'opened', 'closed']);
  expect(said).toHaveLength(1);
});
