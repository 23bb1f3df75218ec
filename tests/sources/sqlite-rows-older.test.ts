import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import Database from 'better-sqlite3';
import { MemDatabase } from './mem-database.ts';
import { createMemWorld, type MemMachine, type MemWorld } from './mem-world.ts';

let world: MemWorld | null = null;
afterEach(async () => {
  await world?.close();
  world = null;
});

async function two(): Promise<readonly [MemMachine, MemMachine, MemWorld]> {
  world = await createMemWorld('older', ['13.25.3', '13.25.3']);
  const [a, b] = world.machines as unknown as readonly [MemMachine, MemMachine];
  a.db.session('s');
  for (const title of ['one', 'two', 'three', 'four']) observe(a.db, title);
  a.db.prompt('s', 1, 'hello');
  await world.settle();
  return [a, b, world];
}

let time = 1_760_000_001_000;
/** As claude-mem does, each at another time. */
const observe = (db: MemDatabase, title: string): number => db.observation('s', title, { created_at_epoch: (time += 1) });

/** A copy of a machine's database as it is now. */
function copyOf({ db }: MemMachine): string {
  const copy = `${db.file}.backup`;
  rmSync(copy, { force: true });
  db.run(`VACUUM INTO '${copy}'`);
  return copy;
}

/** Puts a copy in the place of a machine's database while neither its worker nor its node runs, and starts both again. */
async function putInPlace(machine: MemMachine, copy: string, how: 'moved' | 'written over' = 'moved'): Promise<void> {
  machine.db.close();
  await machine.source.close();
  for (const end of ['-wal', '-shm']) rmSync(`${machine.db.file}${end}`, { force: true });
  if (how === 'written over') copyFileSync(copy, machine.db.file);
  else {
    copyFileSync(copy, `${copy}.2`);
    renameSync(`${copy}.2`, machine.db.file);
  }
  (machine as { db: MemDatabase }).db = new MemDatabase(machine.db.file, '13.25.3');
  await machine.restart();
}

const titles = ({ db }: MemMachine): string =>
  db.get("SELECT group_concat(title || '=' || coalesce(narrative, ''), ';') FROM (SELECT * FROM observations ORDER BY title)");
const edit = ({ db }: MemMachine, title: string, narrative: string): void =>
  db.run('UPDATE observations SET narrative = ? WHERE title = ?', narrative, title);
const older = (...names: string[]) => ({
  type: 'older-state',
  ...Object.fromEntries(['older', 'gone', 'returned'].map((key, at) => [key, { length: Number(names[at]) }])),
});

describe('an older state of a database in its place', () => {
  it.each(['moved', 'written over'] as const)('sends nothing of what it says before somebody says so: %s', async (how) => {
    const [a, b, { settle }] = await two();
    const copy = copyOf(a);
    edit(b, 'one', 'edited elsewhere');
    b.db.run("DELETE FROM observations WHERE title = 'two'");
    await settle();
    edit(a, 'three', 'edited here');
    observe(a.db, 'five');
    await settle();
    const before = titles(b);
    await putInPlace(a, copy, how);
    await settle();
    expect(a.source.state()).toMatchObject(older('2', '1', '1'));
    expect(titles(b)).toBe(before);
    await a.restart();
    await settle();
    expect(a.source.state()).toMatchObject(older('2', '1', '1'));
    expect(titles(b)).toBe(before);
    // What others do goes on, and what is new here.
    edit(b, 'four', 'edited meanwhile');
    edit(b, 'one', 'edited twice');
    observe(a.db, 'six');
    await settle();
    expect(titles(a)).toContain('four=edited meanwhile');
    expect(titles(a)).toContain('one=about one');
    expect(titles(b)).toContain('six=about six');
    await a.source.answerDeletions('restore');
    await settle();
    expect(a.source.state()).toEqual({ type: 'ok' });
    expect(titles(a)).toBe('five=about five;four=edited meanwhile;one=edited twice;six=about six;three=edited here');
    expect(b.db.rows()).toEqual(a.db.rows());
    for (const { db } of [a, b]) db.check();
    await a.restart();
    const { position } = a.machine.replica;
    await settle();
    expect([a.source.state(), a.machine.replica.position]).toEqual([{ type: 'ok' }, position]);
  });

  it('has no row of a session that is gone from it go to the one that gets its number', async () => {
    const [a, b, { settle }] = await two();
    const copy = copyOf(a);
    a.db.session('gone', { id: 3 });
    observe(a.db, 'five');
    await settle();
    await putInPlace(a, copy);
    await settle();
    expect(a.source.state()).toMatchObject(older('0', '2', '0'));
    // One round brings both, and the number behind the one that is left unused is given out anew.
    b.db.session('other');
    b.db.observation('gone', 'of the one that is gone');
    await settle();
    const sessionsOf = ({ db }: MemMachine): string =>
      db.get(
        "SELECT group_concat(title || '=' || memory_session_id, ';') FROM (SELECT * FROM observations WHERE memory_session_id <> 'm-s')",
      );
    expect(a.db.get('SELECT count(*) FROM sdk_sessions')).toBe(2);
    expect(sessionsOf(a)).toBeNull();
    await a.source.answerDeletions('restore');
    await settle();
    expect(sessionsOf(a)).toBe('of the one that is gone=m-gone');
    expect(b.db.rows()).toEqual(a.db.rows());
    expect([...a.source.waiting(), ...a.source.skipped()]).toEqual([]);
  });

  it('goes out as it is where that is the answer', async () => {
    const [a, b, { settle }] = await two();
    const copy = copyOf(a);
    edit(b, 'one', 'edited elsewhere');
    b.db.run("DELETE FROM observations WHERE title = 'two'");
    observe(a.db, 'five');
    await settle();
    await putInPlace(a, copy);
    await settle();
    expect(a.source.state()).toMatchObject(older('1', '1', '1'));
    await a.source.answerDeletions('delete');
    await settle();
    expect(a.source.state()).toEqual({ type: 'ok' });
    expect(titles(b)).toBe('four=about four;one=about one;three=about three;two=about two');
    expect(b.db.rows()).toEqual(a.db.rows());
    await a.restart();
    await settle();
    expect(a.source.state()).toEqual({ type: 'ok' });
  });

  it.each([
    ['an edit of another machine', ({ b }: Pair) => edit(b, 'one', 'later'), older('1', '0', '0')],
    ['an edit of this one', ({ a }: Pair) => edit(a, 'one', 'later'), older('1', '0', '0')],
    ['a deletion elsewhere', ({ b }: Pair) => b.db.run("DELETE FROM observations WHERE title = 'four'"), older('0', '0', '1')],
    ['a deletion of a session', ({ b }: Pair) => b.db.run('DELETE FROM sdk_sessions'), older('0', '0', '6')],
  ])('is told where nothing was added since: %s', async (_, change, state) => {
    const [a, b, { settle }] = await two();
    const copy = copyOf(a);
    change({ a, b });
    await settle();
    const before = titles(b);
    await putInPlace(a, copy);
    await settle();
    expect(a.source.state()).toMatchObject(state);
    expect(titles(b)).toBe(before);
    await a.source.answerDeletions('restore');
    await settle();
    expect(a.source.state()).toEqual({ type: 'ok' });
    expect(titles(b)).toBe(before);
    expect(a.db.rows()).toEqual(b.db.rows());
  });

  it('is told where its program went on with it before the node began', async () => {
    const [a, b, { settle }] = await two();
    const copy = copyOf(a);
    edit(b, 'one', 'edited elsewhere');
    observe(a.db, 'five');
    await settle();
    const patched = new MemDatabase(copy, '13.25.3');
    observe(patched, 'six');
    observe(patched, 'seven');
    patched.close();
    await putInPlace(a, copy);
    await settle();
    expect(a.source.state()).toMatchObject(older('1', '1', '0'));
    expect(titles(b)).toBe(
      'five=about five;four=about four;one=edited elsewhere;seven=about seven;six=about six;three=about three;two=about two',
    );
    await a.restart();
    await settle();
    expect(a.source.state()).toMatchObject(older('1', '1', '0'));
    await a.source.answerDeletions('restore');
    await settle();
    expect(b.db.rows()).toEqual(a.db.rows());
    expect(titles(a)).toBe(titles(b));
    expect(titles(a)).toContain('one=edited elsewhere');
  });

  it('lets out nothing where its program deletes some of what is back, or saves more with it', async () => {
    const [a, b, { settle }] = await two();
    const copy = copyOf(a);
    b.db.run("DELETE FROM observations WHERE title IN ('one', 'two')");
    b.db.session('t');
    b.db.prompt('t', 1, 'hello');
    await settle();
    b.db.run('DELETE FROM sdk_sessions');
    await settle();
    await putInPlace(a, copy);
    await settle();
    expect(a.source.state()).toMatchObject(older('0', '0', '6'));
    a.db.run("DELETE FROM observations WHERE title = 'two'");
    observe(a.db, 'five');
    await settle();
    await settle();
    expect(a.source.state()).toMatchObject(older('0', '0', '5'));
    expect(titles(b)).toBeNull();
    // The session of what is new stays.
    await a.source.answerDeletions('restore');
    await settle();
    expect(a.source.state()).toEqual({ type: 'ok' });
    expect(titles(a)).toBe('five=about five');
    expect(a.db.rows()).toEqual(b.db.rows());
  });

  it.each(['restore', 'delete'] as const)('lets deletions go on of rows that nobody asks about (%s)', async (answer) => {
    const [a, b, { settle }] = await two();
    observe(a.db, 'old');
    await settle();
    const copy = copyOf(a);
    edit(a, 'one', 'edited here');
    observe(a.db, 'five');
    await settle();
    await putInPlace(a, copy);
    await settle();
    expect(a.source.state()).toMatchObject(older('1', '1', '0'));
    // One stood there after the copy was put back; the other is in question, and stays so.
    a.db.run("DELETE FROM observations WHERE title IN ('two', 'one')");
    b.db.run("DELETE FROM observations WHERE title = 'three'");
    await settle();
    await settle();
    expect(a.source.state()).toMatchObject(older('0', '2', '0'));
    expect(titles(b)).toBe('five=about five;four=about four;old=about old;one=edited here');
    expect(titles(a)).toBe('four=about four;old=about old');
    await a.source.answerDeletions(answer);
    await settle();
    expect(a.source.state()).toEqual({ type: 'ok' });
    expect(titles(a)).toBe(
      answer === 'delete' ? 'four=about four;old=about old' : 'five=about five;four=about four;old=about old;one=edited here',
    );
    expect(b.db.rows()).toEqual(a.db.rows());
  });

  it('that is read back into the file while the node has it open is one', async () => {
    const [a, b, { settle }] = await two();
    const copy = copyOf(a);
    edit(b, 'one', 'edited elsewhere');
    observe(a.db, 'five');
    await settle();
    const before = titles(b);
    a.db.close();
    restoreInto(a.db.file, copy);
    (a as { db: MemDatabase }).db = new MemDatabase(a.db.file, '13.25.3');
    await settle();
    expect(a.source.state()).toMatchObject(older('1', '1', '0'));
    expect(titles(b)).toBe(before);
  });

  it('that is moved there while the node runs is one, though nothing was added since', async () => {
    const [a, b, { settle }] = await two();
    const copy = copyOf(a);
    edit(b, 'one', 'edited elsewhere');
    await settle();
    a.db.close();
    for (const end of ['-wal', '-shm']) rmSync(`${a.db.file}${end}`, { force: true });
    renameSync(copy, a.db.file);
    (a as { db: MemDatabase }).db = new MemDatabase(a.db.file, '13.25.3');
    await settle();
    expect(a.source.state()).toMatchObject(older('1', '0', '0'));
    expect(titles(b)).toContain('one=edited elsewhere');
  });

  it('is over where the newer one is back', async () => {
    const [a, b, { settle }] = await two();
    const copy = copyOf(a);
    edit(b, 'one', 'edited elsewhere');
    observe(a.db, 'five');
    await settle();
    const newer = `${a.db.file}.newer`;
    a.db.run(`VACUUM INTO '${newer}'`);
    await putInPlace(a, copy);
    await settle();
    expect(a.source.state().type).toBe('older-state');
    await putInPlace(a, newer);
    await settle();
    expect(a.source.state()).toEqual({ type: 'ok' });
    edit(a, 'one', 'and again');
    await settle();
    expect(titles(b)).toContain('one=and again');
  });
});

interface Pair {
  readonly a: MemMachine;
  readonly b: MemMachine;
}

describe('what somebody takes back', () => {
  it.each(['while the node runs', 'while it does not'])('travels: %s', async (when) => {
    const [a, b, { settle }] = await two();
    edit(a, 'one', 'edited');
    await settle();
    edit(b, 'two', 'later than that');
    observe(a.db, 'five');
    await settle();
    edit(a, 'one', 'about one');
    if (when === 'while it does not') await a.restart();
    await settle();
    expect(a.source.state()).toEqual({ type: 'ok' });
    expect(titles(b)).toContain('one=about one');
  });

  it('travels where it is the last thing that was done, while the node runs', async () => {
    const [a, b, { settle }] = await two();
    edit(b, 'one', 'edited');
    await settle();
    edit(a, 'one', 'about one');
    await settle();
    expect(titles(b)).toContain('one=about one');
  });

  it('travels where it is the last thing that was done, while no node ran and its program did', async () => {
    const [a, b, { settle }] = await two();
    edit(b, 'one', 'edited');
    await settle();
    await a.source.close();
    edit(a, 'one', 'about one');
    await a.restart();
    await settle();
    expect(a.source.state()).toEqual({ type: 'ok' });
    expect(titles(b)).toContain('one=about one');
    // Once a process saw more, what the one before it noted says nothing.
    const copy = copyOf(a);
    edit(b, 'one', 'edited');
    await settle();
    await putInPlace(a, copy);
    await settle();
    expect(a.source.state()).toMatchObject(older('1', '0', '0'));
  });

  it('is asked about where it is the last thing that was done, and nothing tells it from an older state', async () => {
    const [a, b, { settle }] = await two();
    edit(b, 'one', 'edited');
    await settle();
    a.db.close();
    await a.source.close();
    (a as { db: MemDatabase }).db = new MemDatabase(a.db.file, '13.25.3');
    edit(a, 'one', 'about one');
    await a.restart();
    await settle();
    expect(a.source.state()).toMatchObject(older('1', '0', '0'));
    await a.source.answerDeletions('delete');
    await settle();
    expect(titles(b)).toContain('one=about one');
  });

  it('travels where a row that was deleted is made again', async () => {
    const [a, b, { settle }] = await two();
    a.db.run("DELETE FROM observations WHERE title = 'one'");
    await settle();
    observe(a.db, 'five');
    await settle();
    observe(a.db, 'one');
    await a.restart();
    await settle();
    expect(a.source.state()).toEqual({ type: 'ok' });
    expect(titles(b)).toContain('one=about one');
  });

  it('travels with edits and deletions that were made while no node ran', async () => {
    const [a, b, { settle }] = await two();
    edit(a, 'one', 'edited');
    a.db.run("DELETE FROM observations WHERE title IN ('two', 'four')");
    a.db.run("UPDATE sdk_sessions SET status = 'completed'");
    await a.restart();
    await settle();
    expect(a.source.state()).toEqual({ type: 'ok' });
    expect(titles(b)).toBe('one=edited;three=about three');
  });
});

/** As `.restore` of SQLite's shell does: by a transaction on the file that is open. */
function restoreInto(file: string, copy: string): void {
  const database = new Database(file);
  database.prepare('ATTACH ? AS copy').run(copy);
  database.pragma('foreign_keys = OFF');
  const tables = database
    .prepare(
      "SELECT name FROM copy.sqlite_master WHERE type = 'table' AND name IN ('sdk_sessions', 'observations', 'session_summaries', 'user_prompts', 'sqlite_sequence')",
    )
    .pluck()
    .all() as string[];
  database.transaction(() => {
    for (const table of tables) {
      database.exec(`DELETE FROM main.${table}`);
      database.exec(`INSERT INTO main.${table} SELECT * FROM copy.${table}`);
    }
    database.exec('DELETE FROM main.sqlite_sequence; INSERT INTO main.sqlite_sequence SELECT * FROM copy.sqlite_sequence');
  })();
  database.close();
}
