import { afterEach, expect, it } from 'vitest';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createMemWorld, type MemMachine, type MemWorld } from './mem-world.ts';

let world: MemWorld | undefined;
afterEach(() => world?.close());

it('writes what came while others write behind it, with the same writer', async () => {
  world = await createMemWorld('beside', ['13.25.3', '13.25.3'], { seriesRows: 2 });
  const [a, b] = world.machines as unknown as readonly [MemMachine, MemMachine];
  a.db.session('s');
  for (let row = 0; row < 5; row += 1) a.db.observation('s', `first ${row}`);
  await world.settle();
  for (let row = 0; row < 5; row += 1) a.db.observation('s', `second ${row}`);
  await a.sync();
  await syncWith(b.machine.replica, b.machine.hub);

  let reads = 0;
  b.decorate = (inner) => ({
    ...inner,
    async read(...asked) {
      reads += 1;
      if (reads === 1) {
        a.db.session('later');
        a.db.observation('later', 'third');
        a.db.run("UPDATE observations SET subtitle = 'changed' WHERE title = 'first 1'");
        await a.sync();
        await syncWith(b.machine.replica, b.machine.hub);
      }
      return inner.read(...asked);
    },
  });
  b.writesBeside = true;
  b.restartSource();
  expect((await b.source.apply()).written).toBe(5 + 3);
  expect(b.db.rows()).toEqual(a.db.rows());
  expect((await b.source.scan()).changes).toBe(0);
});
