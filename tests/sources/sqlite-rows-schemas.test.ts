import { afterEach, describe, expect, it } from 'vitest';
import { MEM_SCHEMAS, MemDatabase } from './mem-database.ts';
import { createMemWorld, type MemMachine, type MemWorld } from './mem-world.ts';
import { extent } from '../setup/extent.ts';

let world: MemWorld | null = null;
afterEach(async () => {
  await world?.close();
  world = null;
});

async function two(a: (typeof MEM_SCHEMAS)[number], b: (typeof MEM_SCHEMAS)[number]): Promise<readonly [MemMachine, MemMachine]> {
  world = await createMemWorld('schemas', [a, b]);
  return world.machines as unknown as readonly [MemMachine, MemMachine];
}

function fill(db: MemDatabase, session: string): void {
  db.session(session, { custom_title: `title of ${session}`, observed_model: 'x' });
  db.observation(session, `${session} one`, { merged_into_project: 'other', agent_id: 'a', metadata: '{}' });
  db.observation(session, `${session} two`, { narrative: null, title: null, text: 'old text', content_hash: null });
  db.summary(session, `${session} request`, { merged_into_project: 'other' });
  db.prompt(session, 1, 'hello');
}

/** Those that a release meets: all of them, or only itself, the next and the newest. */
function metBy(schema: (typeof MEM_SCHEMAS)[number]): readonly (typeof MEM_SCHEMAS)[number][] {
  const later = MEM_SCHEMAS.slice(MEM_SCHEMAS.indexOf(schema));
  return extent([...new Set([...later.slice(0, 2), ...later.slice(-1)])], later);
}

describe.each(MEM_SCHEMAS)('a database of release %s', (schema) => {
  it.each(metBy(schema))('and one of %s hold the same rows, as far as both can', async (other) => {
    const [a, b] = await two(schema, other);
    fill(a.db, 'from-a');
    fill(b.db, 'from-b');
    await world?.settle();

    const rows = (x: MemDatabase, y: MemDatabase) => x.rows(y);
    expect(a.db.rows(b.db)['observations']).toHaveLength(4);
    expect(rows(b.db, a.db)).toEqual(rows(a.db, b.db));
    a.db.run("UPDATE observations SET subtitle = 'edited by a'");
    b.db.run("UPDATE session_summaries SET notes = 'edited by b'");
    b.db.run("DELETE FROM user_prompts WHERE content_session_id = 'from-a'");
    await world?.settle();
    expect(rows(b.db, a.db)).toEqual(rows(a.db, b.db));
    expect(a.db.get('SELECT count(*) FROM user_prompts')).toBe(1);
    expect(a.db.get("SELECT count(*) FROM session_summaries WHERE notes = 'edited by b'")).toBe(2);
    const position = a.machine.replica.position;
    await world?.settle();
    expect(a.machine.replica.position).toBe(position);
    for (const { db, source, machine } of [a, b]) {
      db.check();
      expect(await machine.replica.siblings()).toEqual([]);
      expect([...source.waiting(), ...source.skipped()]).toEqual([]);
    }
  });
});

describe('what a release cannot hold', () => {
  it('is kept by the space, and shown by a release that can, edits through the other included', async () => {
    world = await createMemWorld('schemas', ['13.25.3', '9.0.0', '13.25.3']);
    const [a, old, b] = world.machines as [MemMachine, MemMachine, MemMachine];
    fill(a.db, 's');
    await world.settle();
    old.db.run("UPDATE observations SET title = 'edited' WHERE title = 's one'");
    old.db.run("UPDATE sdk_sessions SET status = 'completed'");
    await world.settle();
    expect(b.db.rows()).toEqual(a.db.rows());
    expect(a.db.get("SELECT merged_into_project || agent_id FROM observations WHERE title = 'edited'")).toBe('othera');
    expect(b.db.get('SELECT custom_title || status FROM sdk_sessions')).toBe('title of scompleted');
  });

  it('waits until another release is there, and is no deletion: types, and sessions of one id', async () => {
    world = await createMemWorld('schemas', ['13.25.3', '9.0.0']);
    const [a, old] = world.machines as [MemMachine, MemMachine];
    a.db.session('s');
    a.db.observation('s', 'fits');
    a.db.observation('s', 'a type that 9.0 refuses', { type: 'security_alert' });
    a.db.session('s', { platform_source: 'codex', memory_session_id: 'm-codex' });
    a.db.observation('codex', 'of the other session', { memory_session_id: 'm-codex' });
    await world.settle();
    expect(old.db.get('SELECT count(*) FROM observations')).toBe(1);
    expect(old.db.get('SELECT count(*) FROM sdk_sessions')).toBe(1);
    old.db.check();
    expect(a.db.get('SELECT count(*) FROM observations')).toBe(3);
    await old.restart();
    await world.settle();
    expect(a.db.get('SELECT count(*) FROM observations')).toBe(3);
    expect(old.source.waiting().length).toBe(2);
  });

  it('stays as it was shown, and takes nothing from others, where an edit cannot be held', async () => {
    world = await createMemWorld('schemas', ['13.25.3', '9.0.0']);
    const [a, old] = world.machines as [MemMachine, MemMachine];
    fill(a.db, 's');
    await world.settle();
    a.db.run("UPDATE observations SET type = 'security_alert' WHERE title = 's one'");
    await world.settle();
    await old.restart();
    await old.source.scan();
    await world.settle();
    const row = (db: MemDatabase, column: string) => db.get(`SELECT ${column} FROM observations WHERE title = 's one'`);
    expect(row(a.db, "type || ' ' || merged_into_project || ' ' || agent_id")).toBe('security_alert other a');
    expect(row(old.db, 'type')).toBe('discovery');
    old.db.run("UPDATE observations SET subtitle = 'edited there' WHERE title = 's one'");
    await world.settle();
    expect(row(a.db, "type || ' ' || merged_into_project || ' ' || subtitle")).toBe('security_alert other edited there');
    old.db.run("DELETE FROM observations WHERE title = 's one'");
    await world.settle();
    expect(await a.machine.replica.siblings()).toEqual([]);
  });

  it('comes when the release here is replaced by one that can hold it', async () => {
    world = await createMemWorld('schemas', ['13.25.3', '9.0.0']);
    const [a, old] = world.machines as [MemMachine, MemMachine];
    fill(a.db, 's');
    a.db.observation('s', 'a type that 9.0 refuses', { type: 'security_alert' });
    await world.settle();
    expect(old.db.get('SELECT count(*) FROM observations')).toBe(2);
    // As the next release's migration does it.
    old.db.sql.exec(`
      PRAGMA foreign_keys = OFF;
      ALTER TABLE sdk_sessions ADD COLUMN custom_title TEXT;
      ALTER TABLE sdk_sessions ADD COLUMN platform_source TEXT NOT NULL DEFAULT 'claude';
      CREATE TABLE observations_new (id INTEGER PRIMARY KEY AUTOINCREMENT, memory_session_id TEXT NOT NULL, project TEXT NOT NULL, text TEXT, type TEXT NOT NULL,
        title TEXT, subtitle TEXT, facts TEXT, narrative TEXT, concepts TEXT, files_read TEXT, files_modified TEXT, prompt_number INTEGER, discovery_tokens INTEGER DEFAULT 0,
        created_at TEXT NOT NULL, created_at_epoch INTEGER NOT NULL, content_hash TEXT, metadata TEXT,
        FOREIGN KEY(memory_session_id) REFERENCES sdk_sessions(memory_session_id) ON DELETE CASCADE ON UPDATE CASCADE);
      INSERT INTO observations_new SELECT id, memory_session_id, project, text, type, title, subtitle, facts, narrative, concepts, files_read, files_modified,
        prompt_number, discovery_tokens, created_at, created_at_epoch, lower(hex(randomblob(8))), NULL FROM observations;
      DROP TABLE observations;
      ALTER TABLE observations_new RENAME TO observations;
      PRAGMA foreign_keys = ON;`);
    const position = a.machine.replica.position;
    await world.settle();
    expect(old.db.get('SELECT count(*) FROM observations')).toBe(3);
    expect(old.db.get('SELECT custom_title FROM sdk_sessions')).toBe('title of s');
    expect(old.db.get("SELECT metadata FROM observations WHERE title = 's one'")).toBe('{}');
    expect(a.machine.replica.position).toBe(position);
  });

  it('comes back with a session that a row here still needs, which is no other session then', async () => {
    for (const isKilled of [false, true]) {
      world = await createMemWorld('revived', ['13.25.3', '10.0.0']);
      const [a, old] = world.machines as [MemMachine, MemMachine];
      a.db.session('s', { platform_source: 'codex', custom_title: 'a title', prompt_counter: 4 });
      a.db.observation('s', 'one');
      await world.settle();
      a.db.run('DELETE FROM sdk_sessions');
      old.db.observation('s', 'new meanwhile');
      await a.sync();
      if (isKilled) {
        // Right after the session was seen to be needed here.
        old.decorate = (inner) => ({
          ...inner,
          async applied(results) {
            await inner.applied(results);
            if (results.some(({ item, content }) => content === null && item.name.includes('/sessions/'))) throw new Error('killed');
          },
        });
        old.restartSource();
        await expect(old.sync()).rejects.toThrow('killed');
        old.decorate = (inner) => inner;
        await old.restart();
      }
      await old.sync();
      await world.settle();
      const sessions = a.db.sql.prepare('SELECT platform_source, custom_title, prompt_counter FROM sdk_sessions').all();
      // Killed in between, it is what is left here.
      const whole = { platform_source: 'codex', custom_title: 'a title', prompt_counter: 4 };
      expect(sessions).toEqual([isKilled ? { ...whole, platform_source: 'claude', custom_title: null } : whole]);
      expect(a.db.get('SELECT group_concat(title) FROM observations')).toBe('new meanwhile');
      expect(old.db.rows(a.db)).toEqual(a.db.rows(old.db));
      await world.close();
    }
    world = null;
  });

  it('goes both ways where columns by their former names, before v17, hold it', async () => {
    world = await createMemWorld('former', ['13.25.3', '9.0.0']);
    const [a, old] = world.machines as [MemMachine, MemMachine];
    fill(old.db, 'from-old');
    old.db.sql.exec(`
      ALTER TABLE sdk_sessions RENAME COLUMN content_session_id TO claude_session_id;
      ALTER TABLE sdk_sessions RENAME COLUMN memory_session_id TO sdk_session_id;
      ALTER TABLE observations RENAME COLUMN memory_session_id TO sdk_session_id;
      ALTER TABLE session_summaries RENAME COLUMN memory_session_id TO sdk_session_id;
      ALTER TABLE user_prompts RENAME COLUMN content_session_id TO claude_session_id;`);
    fill(a.db, 'from-a');
    await world.settle();
    for (const session of ['from-a', 'from-old']) {
      expect(a.db.get('SELECT count(*) FROM observations WHERE memory_session_id = ?', `m-${session}`)).toBe(2);
      expect(old.db.get('SELECT count(*) FROM observations WHERE sdk_session_id = ?', `m-${session}`)).toBe(2);
      expect(a.db.get('SELECT count(*) FROM user_prompts WHERE content_session_id = ?', session)).toBe(1);
      expect(old.db.get('SELECT count(*) FROM user_prompts WHERE claude_session_id = ?', session)).toBe(1);
      expect(old.db.get('SELECT count(*) FROM session_summaries WHERE sdk_session_id = ?', `m-${session}`)).toBe(1);
    }
    old.db.run("UPDATE observations SET subtitle = 'edited there' WHERE sdk_session_id = 'm-from-a'");
    await world.settle();
    expect(a.db.get("SELECT count(*) FROM observations WHERE subtitle = 'edited there'")).toBe(2);
    const { position } = a.machine.replica;
    await world.settle();
    expect(a.machine.replica.position).toBe(position);
    for (const { db } of [a, old]) db.check();
  });

  it('lets a session change the id that its rows refer to', async () => {
    for (const schema of ['9.0.0', '13.25.3'] as const) {
      world = await createMemWorld('rekey', ['13.25.3', schema]);
      const [a, b] = world.machines as [MemMachine, MemMachine];
      fill(a.db, 's');
      await world.settle();
      a.db.run("UPDATE sdk_sessions SET memory_session_id = 'n-s'");
      await world.settle();
      expect(b.db.get("SELECT count(*) FROM observations WHERE memory_session_id = 'n-s'")).toBe(2);
      expect(b.db.get("SELECT count(*) FROM session_summaries WHERE memory_session_id = 'n-s'")).toBe(1);
      b.db.check();
      const { position } = a.machine.replica;
      await world.settle();
      expect(a.machine.replica.position).toBe(position);
      await world.close();
    }
    world = null;
  });
});
