import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { MemDatabase } from './mem-database.ts';
import { createMemWorld, type MemMachine, type MemWorld } from './mem-world.ts';

let world: MemWorld | null = null;
afterEach(async () => {
  await world?.close();
  world = null;
});

async function two(): Promise<readonly [MemMachine, MemMachine]> {
  world = await createMemWorld('copies', ['13.25.3', '13.25.3']);
  return world.machines as unknown as readonly [MemMachine, MemMachine];
}

function fill(db: MemDatabase, session: string, rows = 3): void {
  db.session(session);
  for (let i = 0; i < rows; i += 1) {
    db.observation(session, `${session} ${i}`);
    db.prompt(session, i, `prompt ${i}`);
  }
  db.summary(session, `${session} request`);
}

const counts = ({ db }: MemMachine): number[] =>
  ['sdk_sessions', 'observations', 'session_summaries', 'user_prompts'].map((table) => db.get(`SELECT count(*) FROM ${table}`));

describe('databases that were copied from one another', () => {
  it('do not double, whatever order their rows stand in', async () => {
    const [a, b] = await two();
    for (const db of [a.db, b.db]) {
      const own = db === a.db ? 'only-a' : 'only-b';
      if (db === b.db) fill(db, own);
      fill(db, 'shared-1');
      if (db === a.db) fill(db, own);
      fill(db, 'shared-2');
    }
    // Older releases wrote hashes that mean nothing, or none.
    b.db.run("UPDATE observations SET content_hash = lower(hex(randomblob(8))) WHERE title LIKE 'shared-1%'");
    b.db.run("UPDATE observations SET content_hash = NULL WHERE title LIKE 'shared-2%'");
    await world?.settle();
    expect(counts(a)).toEqual([4, 12, 4, 12]);
    expect(b.db.rows()).toEqual(a.db.rows());
    expect(await a.machine.replica.siblings()).toEqual([]);
    const { position } = a.machine.replica;
    await world?.settle();
    expect(a.machine.replica.position).toBe(position);
    for (const { db } of [a, b]) db.check();
  });

  it('take rows that stand twice in one of them for one', async () => {
    const [a, b] = await two();
    fill(a.db, 's');
    a.db.prompt('s', 1, 'prompt 1');
    a.db.summary('s', 's request');
    await world?.settle();
    expect(counts(b)).toEqual([1, 3, 1, 3]);
    // The one that is known goes: the other one is that row still.
    a.db.run('DELETE FROM session_summaries WHERE id = (SELECT min(id) FROM session_summaries)');
    await world?.settle();
    expect(counts(b)).toEqual([1, 3, 1, 3]);
    a.db.run('DELETE FROM session_summaries');
    await world?.settle();
    expect(counts(b)).toEqual([1, 3, 0, 3]);
  });

  it('keep rows of one natural key that say different things', async () => {
    const [a, b] = await two();
    a.db.session('s');
    a.db.prompt('s', 1, 'one');
    a.db.prompt('s', 1, 'two');
    await world?.settle();
    expect(b.db.rows()).toEqual(a.db.rows());
    b.db.run("DELETE FROM user_prompts WHERE prompt_text = 'one'");
    await world?.settle();
    expect(a.db.get('SELECT group_concat(prompt_text) FROM user_prompts')).toBe('two');
  });

  it('find their rows again after a restore from a copy of themselves', async () => {
    const [a, b] = await two();
    fill(a.db, 's');
    await world?.settle();
    const copy = `${a.db.file}.copy`;
    a.db.run(`VACUUM INTO '${copy}'`);
    a.db.observation('s', 'after the copy');
    await world?.settle();
    replaceBy(a, copy);
    await world?.settle();
    // What the copy does not have yet nobody deleted from it.
    expect(a.source.state()).toMatchObject({ type: 'older-state', message: expect.stringContaining('older state') as string });
    expect([counts(a), counts(b)]).toEqual([
      [1, 3, 1, 3],
      [1, 4, 1, 3],
    ]);
    await a.restart();
    await world?.settle();
    expect(a.source.state().type).toBe('older-state');
    await a.source.answerDeletions('restore');
    await world?.settle();
    expect(a.source.state().type).toBe('ok');
    expect(counts(a)).toEqual([1, 4, 1, 3]);
    expect(b.db.rows()).toEqual(a.db.rows());
  });

  it('delete nothing where another one with rows of its own takes the place of one', async () => {
    const [a, b] = await two();
    fill(a.db, 's');
    await world?.settle();
    const other = `${a.db.file}.other`;
    const theirs = new MemDatabase(other, '13.25.3');
    theirs.session('s');
    for (let row = 0; row < 9; row += 1) theirs.observation('s', `theirs ${row}`, { created_at_epoch: 1_770_000_000_000 + row });
    for (let row = 0; row < 9; row += 1) theirs.prompt('s', 20 + row, `theirs ${row}`);
    theirs.summary('s', 'theirs', { created_at_epoch: 1_770_000_000_000 });
    theirs.close();
    replaceBy(a, other);
    await world?.settle();
    expect(a.source.state()).toMatchObject({ type: 'older-state', names: { length: 7 } });
    await a.restart();
    await world?.settle();
    expect(a.source.state()).toMatchObject({ type: 'older-state', names: { length: 7 } });
    expect(counts(b)).toEqual([1, 12, 2, 12]);
    await a.source.answerDeletions('delete');
    await world?.settle();
    expect(a.source.state().type).toBe('ok');
    expect(counts(b)).toEqual([1, 9, 1, 9]);
    expect(b.db.rows()).toEqual(a.db.rows());
  });
});

describe('what disappears at once', () => {
  it('deletes nothing where the file is gone, and comes back where there is a new one', async () => {
    const [a, b] = await two();
    fill(a.db, 's');
    await world?.settle();
    a.db.close();
    for (const end of ['', '-wal', '-shm']) rmSync(`${a.db.file}${end}`, { force: true });
    await world?.settle();
    expect(a.source.state().type).toBe('root-missing');
    expect(counts(b)).toEqual([1, 3, 1, 3]);

    (a as { db: MemDatabase }).db = new MemDatabase(a.db.file, '13.25.3');
    await world?.settle();
    expect(a.source.state()).toMatchObject({ type: 'root-missing', message: expect.stringContaining('another database') as string });
    expect(counts(b)).toEqual([1, 3, 1, 3]);
    await a.restart();
    await world?.settle();
    expect(a.source.state().type).toBe('root-missing');
    await a.source.answerDeletions('restore');
    await world?.settle();
    expect(counts(a)).toEqual([1, 3, 1, 3]);
    expect(a.source.state().type).toBe('ok');
    expect(b.db.rows()).toEqual(a.db.rows());
  });

  it('waits for an answer where many rows go at once', async () => {
    const [a, b] = await two();
    fill(a.db, 's', 30);
    fill(a.db, 't', 2);
    await world?.settle();
    a.db.run("DELETE FROM sdk_sessions WHERE content_session_id = 's'");
    await world?.settle();
    expect(a.source.state().type).toBe('mass-deletion');
    expect(counts(b)).toEqual([2, 32, 2, 32]);
    // Meanwhile the rest goes on.
    a.db.observation('t', 'new');
    await world?.settle();
    expect(counts(b)[1]).toBe(33);
    await a.source.answerDeletions('delete');
    await world?.settle();
    expect(counts(b)).toEqual([1, 3, 1, 2]);
    expect(a.source.state().type).toBe('ok');
    b.db.check();
  });

  it('is written again where the answer is no', async () => {
    const [a, b] = await two();
    fill(a.db, 's', 30);
    await world?.settle();
    a.db.run('DELETE FROM observations');
    await world?.settle();
    expect(a.source.state().type).toBe('mass-deletion');
    await a.source.answerDeletions('restore');
    await world?.settle();
    expect(counts(a)).toEqual([1, 30, 1, 30]);
    expect(counts(b)).toEqual([1, 30, 1, 30]);
    expect(a.source.state().type).toBe('ok');
  });

  it('is a deletion where a session goes, and another machine’s new row brings the session back', async () => {
    const [a, b] = await two();
    fill(a.db, 's');
    await world?.settle();
    a.db.run("DELETE FROM sdk_sessions WHERE content_session_id = 's'");
    b.db.observation('s', 'new meanwhile');
    await a.sync();
    await b.sync();
    await world?.settle();
    expect(counts(a)).toEqual([1, 1, 0, 0]);
    expect(b.db.rows()).toEqual(a.db.rows());
    a.db.check();
    b.db.check();
  });

  it('is the database that is there now, never one that was moved away', async () => {
    const [a, b] = await two();
    fill(a.db, 's');
    await world?.settle();
    const copy = `${a.db.file}.copy`;
    a.db.run(`VACUUM INTO '${copy}'`);
    replaceBy(a, copy);
    a.db.observation('s', 'in the new file');
    fill(b.db, 't');
    await world?.settle();
    expect(counts(a)).toEqual([2, 7, 2, 6]);
    expect(b.db.rows()).toEqual(a.db.rows());
  });
});

function replaceBy(machine: MemMachine, copy: string): void {
  machine.db.close();
  for (const end of ['-wal', '-shm']) rmSync(`${machine.db.file}${end}`, { force: true });
  copyFileSync(copy, `${copy}.2`);
  renameSync(`${copy}.2`, machine.db.file);
  (machine as { db: MemDatabase }).db = new MemDatabase(machine.db.file, '13.25.3');
}
