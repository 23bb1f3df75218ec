import Database from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
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

/** Syncs, and ends like a process that is killed when it has called this for observations: what it called has happened only where it is `intend`. */
async function killed(machine: MemMachine, call: 'intend' | 'applied', onIntend: () => void = () => undefined): Promise<void> {
  const isOf = (items: readonly { readonly item: Item }[]): boolean => items.some(({ item }) => item.name.includes('/observations/'));
  machine.decorate = (inner) => ({
    ...inner,
    async intend(items) {
      await inner.intend(items);
      onIntend();
      if (call === 'intend' && isOf(items)) throw new Error('killed');
    },
    async applied(results) {
      if (call === 'applied' && isOf(results.filter(({ content }) => content !== null))) throw new Error('killed');
      await inner.applied(results);
    },
  });
  machine.restartSource();
  await expect(machine.sync()).rejects.toThrow('killed');
  machine.decorate = (inner) => inner;
}

describe('beside a worker', () => {
  it('waits for a lock without holding up the process, and then writes', async () => {
    const [a, b] = await two();
    a.db.session('s');
    a.db.observation('s', 'one');
    await a.sync();
    b.db.sql.exec('BEGIN IMMEDIATE');
    let ticks = 0;
    const ticking = setInterval(() => {
      if ((ticks += 1) === 20) b.db.sql.exec('COMMIT');
    }, 5);
    await b.sync();
    clearInterval(ticking);
    expect(ticks).toBeGreaterThanOrEqual(20);
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

  it('lets a session go with its rows, where these were brought to follow it to another id before, and nobody compared them since', async () => {
    const [a, b] = await two();
    a.db.session('s');
    a.db.observation('s', 'one');
    await world?.settle();
    a.db.run("UPDATE sdk_sessions SET memory_session_id = 'm-other'");
    await world?.settle();
    expect(b.db.get('SELECT memory_session_id FROM observations')).toBe('m-other');
    a.db.run('DELETE FROM sdk_sessions');
    await world?.settle();
    for (const { db } of [a, b]) expect(db.rows()).toMatchObject({ sdk_sessions: [], observations: [] });
  });

  it('takes from a session what its rows are known by, where these go first, and changed under it since they were looked at', async () => {
    const [a, b] = await two();
    a.db.session('s');
    a.db.observation('s', 'one');
    await world?.settle();
    a.db.run("UPDATE sdk_sessions SET memory_session_id = 'm-other'");
    await world?.settle();
    // As where an older state of its database counts.
    a.db.run('DELETE FROM observations');
    a.db.run('UPDATE sdk_sessions SET memory_session_id = NULL');
    await world?.settle();
    expect(b.db.rows()).toEqual(a.db.rows());
    expect(b.db.get('SELECT count(*) FROM sdk_sessions WHERE memory_session_id IS NULL')).toBe(1);
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
    await killed(b, 'applied');
    expect(b.db.get('SELECT title FROM observations')).toBe('edited');
    await b.restart();
    await world?.settle();
    expect(await a.machine.replica.list({ prefix: 'claude-mem/observations/' })).toHaveLength(1);
    b.db.run("UPDATE observations SET subtitle = 'of b'");
    await world?.settle();
    expect(a.db.get('SELECT group_concat(subtitle) FROM observations')).toBe('of b');
    expect(b.db.rows()).toEqual(a.db.rows());
  });

  it('knows rows again that it wrote and had not noted when it was killed, whatever their titles were made before the next start', async () => {
    for (const worksBeside of [false, true]) {
      const [a, b] = await two();
      a.db.session('s');
      for (const title of ['one', 'two', 'three']) a.db.observation('s', title, { text: title });
      await a.sync();
      b.worksBeside = worksBeside;
      await killed(b, 'applied');
      b.db.run("UPDATE observations SET title = 'edited', subtitle = text WHERE text <> 'two'");
      await b.restart();
      await world?.settle();
      expect(a.db.sql.prepare('SELECT title FROM observations ORDER BY text').pluck().all()).toEqual(['edited', 'edited', 'two']);
      expect(await a.machine.replica.list({ prefix: 'claude-mem/observations/' })).toHaveLength(3);
      for (const { source, db } of [a, b]) {
        expect(source.waiting()).toEqual([]);
        expect(db.rows()).toEqual(a.db.rows());
      }
      await world?.close();
    }
    world = null;
  });

  it('knows what it wrote and had not noted when it was killed, where it is deleted before the next start', async () => {
    for (const [worksBeside, kept] of [
      [false, ['two']],
      [true, ['one', 'three']],
      [false, []],
    ] as const) {
      const [a, b] = await two();
      a.db.session('s');
      for (const title of ['one', 'two', 'three']) a.db.observation('s', title);
      a.db.prompt('s', 1, 'hello');
      await a.sync();
      b.worksBeside = worksBeside;
      await killed(b, 'applied');
      b.db.run(`DELETE FROM observations WHERE title NOT IN (${kept.map((title) => `'${title}'`).join()})`);
      b.db.observation('s', 'of b');
      await b.restart();
      await world?.settle();
      expect(a.db.sql.prepare('SELECT title FROM observations ORDER BY title').pluck().all()).toEqual(['of b', ...kept]);
      expect(a.db.get('SELECT count(*) FROM user_prompts')).toBe(1);
      expect(b.db.rows()).toEqual(a.db.rows());
      await world?.close();
    }
    world = null;
  });

  it('brings again what it wrote and had not noted, where nothing is left of it and of all else', async () => {
    const [a, b] = await two();
    a.db.session('s');
    a.db.observation('s', 'one');
    await a.sync();
    await killed(b, 'applied');
    b.db.run('DELETE FROM sdk_sessions');
    await b.restart();
    await world?.settle();
    expect(b.source.state()).toEqual({ type: 'ok' });
    expect(a.db.get('SELECT count(*) FROM observations')).toBe(1);
    expect(b.db.rows()).toEqual(a.db.rows());
  });

  it('takes nothing for deleted that it was about to write when it was killed, or that was refused', async () => {
    const [a, b] = await two();
    for (const { db } of [a, b]) db.session('s');
    await world?.settle();
    for (const title of ['one', 'two', 'three']) a.db.observation('s', title);
    await a.sync();
    await killed(b, 'intend');
    // Nobody made anything meanwhile, or others made rows under those numbers, of which little is left.
    await b.restart();
    await b.source.catchUp();
    expect(await b.machine.replica.list({ prefix: 'claude-mem/observations/' })).toHaveLength(3);
    await killed(b, 'intend');
    for (let count = 0; count < 9; count += 1) b.db.observation('s', `${count} of b`);
    b.db.run("DELETE FROM observations WHERE title <> '0 of b'");
    await b.restart();
    await world?.settle();
    for (const { db } of [a, b])
      expect(db.sql.prepare('SELECT title FROM observations ORDER BY title').pluck().all()).toEqual(['0 of b', 'one', 'three', 'two']);

    // One claims the place of another.
    const refused = { content_hash: 'hash' };
    b.db.observation('s', 'stays', refused);
    await b.source.catchUp();
    a.db.observation('s', 'refused', refused);
    for (const title of ['four', 'five', 'six']) a.db.observation('s', title);
    await a.sync();
    await killed(b, 'applied');
    for (let start = 0; start < 2; start += 1) {
      await b.restart();
      await b.sync();
      const stays = b.db.get<number>("SELECT id FROM observations WHERE title = 'stays'");
      const other = `another row here has its place (number ${stays} of observations, by memory_session_id and content_hash: claude-mem/observations/`;
      expect(b.source.waiting().map(({ reason }) => reason)).toEqual([expect.stringContaining(other)]);
      expect(b.db.get("SELECT count(*) FROM observations WHERE title IN ('four', 'five', 'six', 'stays')")).toBe(4);
    }
    expect(await b.machine.replica.list({ prefix: 'claude-mem/observations/' })).toHaveLength(9);
  });

  it('takes no row for one that it was about to write when it was killed', async () => {
    const [a, b] = await two();
    for (const { db } of [a, b]) db.session('s');
    await world?.settle();
    a.db.observation('s', 'one', { text: 'of a' });
    a.db.observation('s', 'two', { text: 'of a' });
    await a.sync();
    await killed(b, 'intend');
    // The number that was to stay unused.
    b.db.observation('s', 'zero');
    b.db.run('DELETE FROM observations');
    // At the same time to the millisecond, and under the number that was for another one.
    b.db.observation('s', 'two', { text: 'of a' });
    b.db.observation('s', 'three', { text: 'of b', created_at_epoch: 7 });
    await b.restart();
    await world?.settle();
    for (const { db } of [a, b])
      expect(db.sql.prepare('SELECT title || text FROM observations ORDER BY title').pluck().all()).toEqual([
        'oneof a',
        'threeof b',
        'twoof a',
      ]);
    expect(b.db.rows()).toEqual(a.db.rows());
  });

  it('writes no row under a number that another one got meanwhile', async () => {
    const [a, b] = await two();
    for (const { db } of [a, b]) db.session('s');
    await world?.settle();
    for (const title of ['one', 'two', 'three']) a.db.observation('s', title);
    await a.sync();
    let notes = 0;
    await killed(b, 'applied', () => {
      if ((notes += 1) === 1) b.db.observation('s', 'of b');
    });
    expect(b.db.sql.prepare('SELECT title FROM observations ORDER BY title').pluck().all()).toEqual(['of b', 'one', 'three', 'two']);
    b.db.run("UPDATE observations SET title = title || ' edited'");
    await b.restart();
    await world?.settle();
    const titles = a.db.sql.prepare('SELECT title FROM observations ORDER BY title').pluck().all();
    expect(titles).toEqual(['of b edited', 'one edited', 'three edited', 'two edited']);
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
