import { afterEach, expect, it } from 'vitest';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { claudeMemProfile } from '../../src/sources/claude-mem/claude-mem-profile.ts';
import { createRowReader } from '../../src/sources/sqlite-rows/row-reader.ts';
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
  b.worksBeside = true;
  b.restartSource();
  expect((await b.source.apply()).written).toBe(5 + 3);
  expect(b.db.rows()).toEqual(a.db.rows());
  expect((await b.source.scan()).changes).toBe(0);
});

it('reads elsewhere what it would find here: what is new, changed, twice there, gone, or of nobody', async () => {
  world = await createMemWorld('beside', ['13.25.3', '13.25.3'], { seriesRows: 20, readBesideRows: 1 });
  const [a, b] = world.machines as unknown as readonly [MemMachine, MemMachine];
  const reads: boolean[] = [];
  a.onRead = ({ withBodies }) => reads.push(withBodies);
  a.worksBeside = true;
  a.restartSource();
  for (let session = 0; session < 3; session += 1) {
    a.db.session(`s${session}`);
    for (let row = 0; row < 10; row += 1) a.db.observation(`s${session}`, `row ${row}`, { narrative: `longér \u{1F600} ${row}` });
  }
  const first = await a.source.scan();
  expect(first.changes).toBe(3 + 30);
  expect((await a.source.scan()).changes).toBe(0);
  a.db.run("UPDATE observations SET subtitle = 'changed' WHERE title = 'row 1'");
  a.db.run("DELETE FROM observations WHERE title = 'row 2'");
  a.db.observation('s0', 'one more');
  expect((await a.source.scan()).changes).toBe(3 + 3 + 1);
  expect(reads).toEqual([true, false, false]);
  await world.settle();
  expect(b.db.rows()).toEqual(a.db.rows());
});

it('does not read another file than the one that it looked at', async () => {
  world = await createMemWorld('beside', ['13.25.3', '13.25.3'], { seriesRows: 1 });
  const [a] = world.machines as unknown as readonly [MemMachine];
  const start = { file: a.db.file, identity: '1:1', withBodies: true };
  expect(() => createRowReader(start, { profile: claudeMemProfile({ toolUses: false }), clock: a.clock })).toThrow('another database');
});
