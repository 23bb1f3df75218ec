import { afterEach, expect, it } from 'vitest';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { claudeMemProfile } from '../../src/sources/claude-mem/claude-mem-profile.ts';
import { createRowReader } from '../../src/sources/sqlite-rows/row-reader.ts';
import type { RowTask } from '../../src/sources/sqlite-rows/row-task.ts';
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

/** Two machines, of which the second has rows to put in place by another writer: sessions with their observations, two to a batch. */
async function rowsToWrite(rows: number, underwayBytes: number): Promise<readonly [MemMachine, MemMachine]> {
  world = await createMemWorld('beside', ['13.25.3', '13.25.3'], { seriesRows: 2, batchRows: 2, underwayBytes });
  const [a, b] = world.machines as unknown as readonly [MemMachine, MemMachine];
  for (let row = 0; row < rows; row += 1) {
    a.db.session(`s${row}`);
    a.db.observation(`s${row}`, `row ${row}`);
  }
  await a.sync();
  await syncWith(b.machine.replica, b.machine.hub);
  b.worksBeside = true;
  return [a, b];
}

it.each([
  { underwayBytes: 1024 * 1024, ahead: 10 },
  { underwayBytes: 1, ahead: 1 },
])('gives away $ahead batches before the first is written, with room for $underwayBytes bytes', async ({ underwayBytes, ahead }) => {
  const [a, b] = await rowsToWrite(10, underwayBytes);
  let [given, most, written] = [0, 0, 0];
  b.decorateWriter = (inner) => ({
    ...inner,
    async write(tasks) {
      given += 1;
      most = Math.max(most, given - written);
      await new Promise((resolve) => setTimeout(resolve, 100));
      const result = await inner.write(tasks);
      written += 1;
      return result;
    },
  });
  b.restartSource();
  expect((await b.source.apply()).written).toBe(20);
  expect(most).toBe(ahead);
  expect(b.db.rows()).toEqual(a.db.rows());
});

it('writes what it was given first first, while another program holds the database', async () => {
  const [a, b] = await rowsToWrite(10, 1024 * 1024);
  let given = 0;
  b.decorateWriter = (inner) => ({
    ...inner,
    write(tasks) {
      given += 1;
      if (given === 1) b.db.sql.exec('BEGIN IMMEDIATE');
      if (given === 10) setTimeout(() => b.db.sql.exec('COMMIT'), 50);
      return inner.write(tasks);
    },
  });
  b.restartSource();
  const report = await b.source.apply();
  expect(report).toMatchObject({ written: 20, waiting: [] });
  expect(given).toBe(10);
  expect(b.db.rows()).toEqual(a.db.rows());
});

/** A writer whose process ends when it has written all that it was given, and before any of that was noted. */
function endsUnnoted(
  batches: number,
  given: (tasks: readonly RowTask[], batch: number) => readonly RowTask[],
): MemMachine['decorateWriter'] {
  let count = 0;
  return (inner) => ({
    ...inner,
    async write(tasks) {
      count += 1;
      await inner.write(given(tasks, count)).catch(() => undefined);
      while (count < batches) await new Promise((resolve) => setTimeout(resolve, 5));
      throw new Error('the process ended');
    },
  });
}

it('does not take for deleted what could not be written, where more was underway behind it', async () => {
  const [a, b] = await rowsToWrite(10, 1024 * 1024);
  b.db.run("CREATE TRIGGER refuse BEFORE INSERT ON observations WHEN new.title = 'row 4' BEGIN SELECT RAISE(ABORT, 'no'); END");
  b.decorateWriter = endsUnnoted(10, (tasks) => tasks);
  b.restartSource();
  await expect(b.source.apply()).rejects.toThrow('the process ended');
  b.db.run('DROP TRIGGER refuse');
  b.decorateWriter = (inner) => inner;
  await b.restart();
  await b.source.scan();
  await world?.settle();
  expect(a.db.rows()['observations']).toHaveLength(10);
  expect(b.db.rows()).toEqual(a.db.rows());
});

it('nor where the writer failed, and more was underway behind it', async () => {
  const [a, b] = await rowsToWrite(10, 1024 * 1024);
  const fails = (task: RowTask): RowTask => ({
    ...task,
    get body(): Uint8Array {
      throw new Error('disk I/O error');
    },
  });
  b.decorateWriter = endsUnnoted(10, (tasks, batch) => (batch === 7 ? tasks.map(fails) : tasks));
  b.restartSource();
  await expect(b.source.apply()).rejects.toThrow('the process ended');
  b.decorateWriter = (inner) => inner;
  await b.restart();
  await b.source.scan();
  await world?.settle();
  expect(a.db.rows()['observations']).toHaveLength(10);
  expect(b.db.rows()).toEqual(a.db.rows());
});
