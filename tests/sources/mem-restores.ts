import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { expect } from 'vitest';
import type { SourceState } from '../../src/sources/file-tree/reports.ts';
import { MemDatabase } from './mem-database.ts';
import { createMemDeeds, keyOf } from './mem-deeds.mjs';
import { createMemWorld, type MemMachine } from './mem-world.ts';

/** What became of a backup that was put back. */
export interface Restored {
  /** Rows that were held, and how many of each sort. */
  readonly older: number;
  readonly gone: number;
  readonly returned: number;
}

/**
 * Two machines on which claude-mem works; one of them has a backup of its database, or of the other one's, put in its place later, of a time at which everything was
 * captured, while neither its worker nor its node runs, and its worker may go on with it before the node does. Nothing of what the backup says
 * otherwise may reach the other machine before the answer; behind it both have the same rows: those of the other one, or those of the backup.
 */
export async function runRestore(seed: number): Promise<Restored> {
  let state = seed * 7919 + 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  const world = await createMemWorld(`restore-${seed}`, ['13.25.3', random(3) === 0 ? '12.6.0' : '13.25.3'], {
    deletions: 1_000_000,
    manyDeletions: 1_000_000,
  });
  const [a, b] = world.machines as readonly [MemMachine, MemMachine];
  let workers = 0;
  const works = (machine: MemMachine, deeds: number): void => {
    const worker = createMemDeeds({ file: machine.db.file, seed: seed * 1_000 + (workers += 1) });
    try {
      for (let deed = 0; deed < deeds; deed += 1) worker.work();
    } finally {
      worker.close();
    }
  };
  try {
    for (const machine of [a, b]) works(machine, 10 + random(20));
    await world.settle();
    const backup = `${a.db.file}.backup`;
    // Rows have other numbers on another machine.
    const copied = random(4) === 0 && b.db.schema === a.db.schema ? b : a;
    copied.db.run(`VACUUM INTO '${backup}'`);
    const then = rowsOf(a, b);
    for (let round = random(4); round >= 0; round -= 1) {
      const busy = random(3);
      if (busy !== 0) works(a, random(6));
      if (busy !== 1) works(b, random(6));
      await world.settle();
    }
    const before = rowsOf(b, a);
    expect(before).toEqual(rowsOf(a, b));

    await stopWith(a, backup);
    if (random(2) === 0) works(a, 1 + random(4));
    const standing = rowsOf(a, b);
    const isAlone = same(standing, then);
    // What its worker made of it since is its own.
    const isAsBefore = (key: string): boolean => standing.get(key) === then.get(key);
    await a.restart();
    await world.settle();
    const held = a.source.state();
    const { older, gone, returned } =
      held.type === 'older-state' ? { older: held.older.length, gone: held.gone.length, returned: held.returned.length } : NOTHING;
    const after = rowsOf(b, a);
    if (isAlone) {
      expect(after).toEqual(before);
      // Of one of which no row is known nothing says that it is the same one.
      expect(same(then, before) ? ['ok'] : ['older-state', 'root-missing']).toContain(held.type);
    }
    const undone = [...before].filter(([key, row]) => then.get(key) !== row && isAsBefore(key) && after.get(key) !== row);
    const back = [...then.keys()].filter((key) => !before.has(key) && isAsBefore(key) && after.has(key));
    expect([undone, back]).toEqual([[], []]);

    const answer = random(2) === 0 ? 'restore' : 'delete';
    if (random(2) === 0) {
      await a.restart();
      await world.settle();
      expect(sorted(a.source.state())).toEqual(sorted(held));
    }
    // A session that goes back to a time before it had an id cannot where it got rows meanwhile: those wait.
    const hasWorked = answer === 'restore' && random(2) === 0;
    if (hasWorked) for (const machine of [a, b]) works(machine, random(5));
    await world.settle();
    const isQuiet = same(rowsOf(b, a), before) && (isAlone ? same(rowsOf(a, b), then) : false);
    await a.source.answerDeletions(answer);
    await world.settle();
    // Of one that nothing was known of it is asked first whether it is the one that counts, and then about what of it was deleted since.
    if (held.type === 'root-missing' && a.source.state().type === 'older-state') {
      await a.source.answerDeletions(answer);
      await world.settle();
    }
    // A session that its worker named since, and gave rows, cannot be without a name again: it is asked about once more.
    if (a.source.state().type === 'older-state') {
      expect(!isAlone || hasWorked).toBe(true);
      await a.source.answerDeletions('delete');
      await world.settle();
    }
    // Of another machine's copy, rows that were retitled before are told by other words: both stay, and where only one fits the other waits.
    if (copied !== a && a.source.waiting().length > 0) return { older, gone, returned };
    expect(a.source.state()).toEqual({ type: 'ok' });
    expect(rowsOf(a, b)).toEqual(rowsOf(b, a));
    if (isQuiet) expect(rowsOf(b, a)).toEqual(answer === 'restore' ? before : then);
    for (const machine of [a, b]) {
      machine.db.check();
      expect([...machine.source.waiting(), ...machine.source.skipped()]).toEqual([]);
      await machine.restart();
    }
    const { position } = a.machine.replica;
    await world.settle();
    expect([a.source.state(), a.machine.replica.position]).toEqual([{ type: 'ok' }, position]);
    return { older, gone, returned };
  } finally {
    await world.close();
  }
}

const NOTHING: Restored = { older: 0, gone: 0, returned: 0 };

/** Rows as both databases hold them, by table and what no deed changes in them. */
function rowsOf({ db }: MemMachine, { db: other }: MemMachine): Map<string, string> {
  const rows = new Map<string, string>();
  for (const [table, found] of Object.entries(db.rows(other)))
    for (const row of found) rows.set(`${table} ${keyOf(table, JSON.parse(row) as Record<string, unknown>)}`, row);
  return new Map([...rows].sort(([x], [y]) => (x < y ? -1 : 1)));
}

function same(x: ReadonlyMap<string, string>, y: ReadonlyMap<string, string>): boolean {
  return x.size === y.size && [...x].every(([key, row]) => y.get(key) === row);
}

function sorted(state: SourceState): SourceState {
  if (state.type !== 'older-state') return state;
  const { older, gone, returned } = state;
  return { ...state, names: state.names.toSorted(), older: older.toSorted(), gone: gone.toSorted(), returned: returned.toSorted() };
}

/** Ends a machine's node, and has a copy in the place of its database. */
async function stopWith(machine: MemMachine, copy: string): Promise<void> {
  const { file, schema } = machine.db;
  machine.db.close();
  await machine.source.close();
  for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
  copyFileSync(copy, `${copy}.2`);
  renameSync(`${copy}.2`, file);
  (machine as { db: MemDatabase }).db = new MemDatabase(file, schema);
}
