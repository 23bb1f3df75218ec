import Database from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import { createMemWorld, type MemMachine, type MemWorld } from './mem-world.ts';

let world: MemWorld | null = null;
afterEach(async () => {
  await world?.close();
  world = null;
});

async function two(): Promise<readonly [MemMachine, MemMachine]> {
  world = await createMemWorld('worker', ['13.25.3', '13.25.3']);
  return world.machines as unknown as readonly [MemMachine, MemMachine];
}

describe('beside a worker', () => {
  it('waits for a lock without holding up the process, and then writes', async () => {
    const [a, b] = await two();
    a.db.session('s');
    a.db.observation('s', 'one');
    await a.sync();
    b.db.sql.exec('BEGIN IMMEDIATE');
    let ticks = 0;
    const ticking = setInterval(() => (ticks += 1), 5);
    setTimeout(() => b.db.sql.exec('COMMIT'), 300);
    await b.sync();
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(10);
    expect(b.db.rows()).toEqual(a.db.rows());
  });

  it('captures what changed under it before it writes over it', async () => {
    const [a, b] = await two();
    a.db.session('s');
    a.db.observation('s', 'one');
    await world?.settle();
    a.db.run("UPDATE observations SET subtitle = 'of a'");
    await a.sync();
    // Between b's look at its database and its writing.
    let looks = 0;
    b.decorate = (inner) => ({
      ...inner,
      outstanding() {
        if ((looks += 1) === 1) b.db.run("UPDATE observations SET facts = 'of b'");
        return inner.outstanding();
      },
    });
    b.restartSource();
    await b.sync();
    await world?.settle();
    expect(a.db.get('SELECT subtitle || facts FROM observations')).toBe('of aof b');
    expect(b.db.rows()).toEqual(a.db.rows());
  });

  it('captures what came under it before it writes the same row a second time', async () => {
    const [a, b] = await two();
    for (const { db } of [a, b]) db.session('s');
    await world?.settle();
    a.db.prompt('s', 1, 'hello');
    a.db.summary('s', 'request');
    await a.sync();
    let looks = 0;
    b.decorate = (inner) => ({
      ...inner,
      outstanding() {
        if ((looks += 1) === 1) {
          b.db.prompt('s', 1, 'hello');
          b.db.summary('s', 'request');
        }
        return inner.outstanding();
      },
    });
    b.restartSource();
    await b.sync();
    await world?.settle();
    for (const { db } of [a, b]) {
      expect(db.get('SELECT count(*) FROM user_prompts')).toBe(1);
      expect(db.get('SELECT count(*) FROM session_summaries')).toBe(1);
    }
    expect(b.db.rows()).toEqual(a.db.rows());
  });

  it('knows a row again that it wrote and had not noted when it was killed, though its title is another than its name was made of', async () => {
    const [a, b] = await two();
    a.db.session('s');
    a.db.observation('s', 'one');
    a.db.prompt('s', 1, 'hello');
    await a.sync();
    a.db.run("UPDATE observations SET title = 'edited'");
    await a.sync();
    b.decorate = (inner) => ({
      ...inner,
      applied(results) {
        if (results.some(({ item, content }) => content !== null && item.name.includes('/observations/'))) throw new Error('killed');
        return inner.applied(results);
      },
    });
    b.restartSource();
    await expect(b.sync()).rejects.toThrow('killed');
    expect(b.db.get('SELECT title FROM observations')).toBe('edited');
    b.decorate = (inner) => inner;
    await b.restart();
    await world?.settle();
    expect(await a.machine.replica.list({ prefix: 'claude-mem/observations/' })).toHaveLength(1);
    b.db.run("UPDATE observations SET subtitle = 'of b'");
    await world?.settle();
    expect(a.db.get('SELECT group_concat(subtitle) FROM observations')).toBe('of b');
    expect(b.db.rows()).toEqual(a.db.rows());
  });

  it('never copies or replaces the file, nor changes how it is kept', async () => {
    const [a, b] = await two();
    const before = ['journal_mode', 'auto_vacuum', 'page_size', 'user_version', 'application_id'].map((name) => b.db.sql.pragma(name));
    const reader = new Database(b.db.file, { readonly: true });
    a.db.session('s');
    a.db.observation('s', 'one');
    await world?.settle();
    expect(reader.prepare('SELECT title FROM observations').pluck().all()).toEqual(['one']);
    reader.close();
    expect(['journal_mode', 'auto_vacuum', 'page_size', 'user_version', 'application_id'].map((name) => b.db.sql.pragma(name))).toEqual(
      before,
    );
  });

  it('never carries what belongs to one machine, nor tables that are not listed', async () => {
    const [a, b] = await two();
    a.db.session('s', { worker_port: 37_777 });
    a.db.observation('s', 'one', { relevance_count: 9, synced_at: 5, origin_device_id: 'd', origin_local_id: '7', sync_rev: '4' });
    a.db.run("INSERT INTO sync_state (k, v) VALUES ('device_id', 'mine')");
    a.db.run(
      "INSERT INTO tool_uses (tool_use_id, content_session_id, project, tool_name, tool_input, created_at, created_at_epoch) VALUES ('t', 's', 'p', 'Bash', 'secret', 'x', 1)",
    );
    await world?.settle();
    const row = b.db.sql.prepare('SELECT relevance_count, synced_at, origin_device_id, origin_local_id, sync_rev FROM observations').get();
    expect(row).toEqual({ relevance_count: 0, synced_at: null, origin_device_id: null, origin_local_id: null, sync_rev: '1' });
    expect(b.db.get('SELECT worker_port FROM sdk_sessions')).toBeNull();
    expect(b.db.get('SELECT count(*) FROM tool_uses')).toBe(0);
    expect(b.db.get('SELECT count(*) FROM sync_state')).toBe(0);
    a.db.run('UPDATE observations SET relevance_count = 99, synced_at = 6');
    const { position } = a.machine.replica;
    await world?.settle();
    expect(a.machine.replica.position).toBe(position);
  });

  it('carries tool uses where they were asked for', async () => {
    const [a, b] = await two();
    for (const machine of [a, b]) machine.restartSource({ toolUses: true });
    a.db.session('s');
    a.db.run(
      "INSERT INTO tool_uses (tool_use_id, content_session_id, session_db_id, project, tool_name, tool_input, created_at, created_at_epoch) VALUES ('t', 's', 1, 'p', 'Bash', 'ls', 'x', 1)",
    );
    await world?.settle();
    expect(b.db.get('SELECT tool_input FROM tool_uses WHERE session_db_id = (SELECT id FROM sdk_sessions)')).toBe('ls');
  });

  it('works without full-text indexes', async () => {
    const [a, b] = await two();
    for (const name of ['observations', 'session_summaries', 'user_prompts'])
      b.db.sql.exec(`DROP TRIGGER ${name}_ai; DROP TRIGGER ${name}_ad; DROP TRIGGER ${name}_au; DROP TABLE ${name}_fts;`);
    a.db.session('s');
    a.db.observation('s', 'one');
    await world?.settle();
    a.db.run("UPDATE observations SET title = 'two'");
    await world?.settle();
    expect(b.db.rows()).toEqual(a.db.rows());
  });

  it('keeps both where both wrote the same title, and says so', async () => {
    const [a, b] = await two();
    a.db.session('s');
    a.db.observation('s', 'one', { project: 'p' });
    await world?.settle();
    a.db.run("UPDATE sdk_sessions SET custom_title = 'of a'");
    b.db.run("UPDATE sdk_sessions SET custom_title = 'of b'");
    await world?.settle();
    expect(b.db.rows()).toEqual(a.db.rows());
    expect(await b.machine.replica.siblings()).toHaveLength(1);
  });
});
