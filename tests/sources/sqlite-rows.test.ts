import { afterEach, describe, expect, it } from 'vitest';
import type { MemSchema } from './mem-database.ts';
import { createMemWorld, type MemMachine, type MemWorld } from './mem-world.ts';

let world: MemWorld | null = null;
afterEach(async () => {
  await world?.close();
  world = null;
});

async function two(a: MemSchema = '13.25.3', b: MemSchema = a): Promise<readonly [MemMachine, MemMachine, MemWorld]> {
  world = await createMemWorld('mem', [a, b]);
  const [first, second] = world.machines;
  if (first === undefined || second === undefined) throw new Error('two machines were asked for');
  return [first, second, world];
}

function fill({ db }: MemMachine, session = 's1'): void {
  db.session(session);
  db.observation(session, `${session} one`);
  db.observation(session, `${session} two`, { narrative: null, text: 'old text' });
  db.summary(session, `${session} request`);
  db.prompt(session, 1, 'hello');
  db.prompt(session, 2, 'world');
}

describe('rows of claude-mem between two machines', () => {
  it('carries sessions, observations, summaries and prompts, and indexes them', async () => {
    const [a, b, { settle }] = await two();
    fill(a);
    await settle();
    expect(b.db.rows()).toEqual(a.db.rows());
    expect(b.db.get("SELECT count(*) FROM observations_fts WHERE observations_fts MATCH 'one'")).toBe(1);
    a.db.check();
    b.db.check();
  });

  it('carries edits of every table', async () => {
    const [a, b, { settle }] = await two();
    fill(a);
    await settle();
    a.db.run("UPDATE sdk_sessions SET custom_title = 'mine', status = 'completed'");
    b.db.run("UPDATE observations SET title = 'edited' WHERE title = 's1 one'");
    b.db.run("UPDATE user_prompts SET prompt_text = 'HELLO' WHERE prompt_number = 1");
    a.db.run("UPDATE session_summaries SET notes = 'n', learned = NULL");
    await settle();
    expect(b.db.rows()).toEqual(a.db.rows());
    expect(a.db.get("SELECT count(*) FROM observations WHERE title = 'edited'")).toBe(1);
    expect(b.db.get('SELECT custom_title FROM sdk_sessions')).toBe('mine');
    expect(b.db.get('SELECT learned FROM session_summaries')).toBeNull();
    b.db.check();
  });

  it('carries deletions, those of a whole session included', async () => {
    const [a, b, { settle }] = await two();
    fill(a, 's1');
    fill(a, 's2');
    await settle();
    a.db.run("DELETE FROM observations WHERE title = 's1 one'");
    await settle();
    expect(b.db.get('SELECT count(*) FROM observations')).toBe(3);
    b.db.run("DELETE FROM sdk_sessions WHERE content_session_id = 's2'");
    await settle();
    expect(a.db.rows()).toEqual(b.db.rows());
    expect(a.db.get('SELECT count(*) FROM sdk_sessions')).toBe(1);
    expect(a.db.get('SELECT count(*) FROM user_prompts')).toBe(2);
    a.db.check();
  });

  it('merges what both wrote', async () => {
    const [a, b, { settle }] = await two();
    fill(a, 's1');
    fill(b, 's2');
    await settle();
    a.db.run("UPDATE sdk_sessions SET prompt_counter = 7 WHERE content_session_id = 's1'");
    b.db.run("UPDATE sdk_sessions SET status = 'completed', prompt_counter = 5 WHERE content_session_id = 's1'");
    a.db.run("UPDATE observations SET subtitle = 'a' WHERE title = 's2 one'");
    b.db.run("UPDATE observations SET facts = '[]' WHERE title = 's2 one'");
    await settle();
    expect(a.db.rows()).toEqual(b.db.rows());
    expect(a.db.get("SELECT status || prompt_counter FROM sdk_sessions WHERE content_session_id = 's1'")).toBe('completed7');
    expect(a.db.get("SELECT subtitle || facts FROM observations WHERE title = 's2 one'")).toBe('a[]');
    expect(await a.machine.replica.siblings()).toEqual([]);
  });

  it('changes nothing in a second run', async () => {
    const [a, b, { settle }] = await two();
    fill(a);
    await settle();
    const before = a.machine.replica.position;
    await settle();
    await a.restart();
    await b.restart();
    await settle();
    expect(a.machine.replica.position).toBe(before);
  });
});

describe('sessions that claude-mem made up', () => {
  it('for rows that its own sync brought are no items, and become the session when that comes', async () => {
    const [a, b, { settle }] = await two();
    b.restartSource({ sessionsOnly: true });
    b.db.session('m-s1', { memory_session_id: 'm-s1', user_prompt: null, status: 'completed', started_at_epoch: 5, started_at: 'then' });
    b.db.observation('s1', 'synced', { origin_device_id: 'a', origin_local_id: '1' });
    await settle();
    expect(await a.machine.replica.list()).toEqual([]);
    a.db.session('s1', { custom_title: 'Mine' });
    await settle();
    const sessions = b.db.sql
      .prepare('SELECT content_session_id AS id, custom_title AS title, user_prompt AS prompt FROM sdk_sessions')
      .all();
    expect(sessions).toEqual([{ id: 's1', title: 'Mine', prompt: 'do it' }]);
    expect(b.db.get('SELECT count(*) FROM observations')).toBe(1);
    expect(a.db.get('SELECT count(*) FROM sdk_sessions')).toBe(1);
    b.db.check();
    b.db.run("UPDATE sdk_sessions SET custom_title = 'Ours'");
    await settle();
    expect(a.db.get('SELECT custom_title FROM sdk_sessions')).toBe('Ours');
  });
});
