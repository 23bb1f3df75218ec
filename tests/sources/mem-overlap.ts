import { expect } from 'vitest';
import { createMemWorld, type MemMachine } from './mem-world.ts';
import type { MemDatabase } from './mem-database.ts';

/** Observations of one session; it has as many prompts as every third, and as many summaries as every tenth of them. */
const OF_A_SESSION = 50;

export interface Overlap {
  /** Observations that both machines have before they meet. */
  readonly shared: number;
  /** Observations that each of them has, the shared ones included. */
  readonly each: number;
}

/**
 * Two machines whose databases are in part of one history, with other numbers and, for every fourth session, another memory session:
 * once they have met, both hold every row once, and meeting again writes nothing anywhere.
 */
export async function meetInPart({ shared, each }: Overlap): Promise<void> {
  const world = await createMemWorld('overlap', ['13.25.3', '13.25.3'], { seriesRows: 500, readBesideRows: 500 });
  try {
    const [a, b] = world.machines as unknown as readonly [MemMachine, MemMachine];
    a.worksBeside = true;
    a.restartSource();
    fill(a.db, 'shared', shared);
    fill(a.db, 'of-a', each - shared);
    fill(b.db, 'of-b', each - shared);
    fill(b.db, 'shared', shared);
    for (let session = 0; session < sessionsOf(shared); session += 4) rekey(b.db, `shared-${session}`);

    await world.settle();
    const all = 2 * each - shared;
    const whole = [sessionsOf(shared) + 2 * sessionsOf(each - shared), all, summariesOf(shared) + 2 * summariesOf(each - shared)];
    for (const { db } of [a, b]) {
      expect(counts(db)).toEqual([...whole, promptsOf(shared) + 2 * promptsOf(each - shared)]);
      expect(repeated(db)).toEqual([]);
      db.check();
    }
    expect(b.db.rows()).toEqual(a.db.rows());
    expect(await a.machine.replica.siblings()).toEqual([]);

    const before = [a, b].map(({ machine, db }) => [machine.replica.position, versions(db)]);
    await world.settle();
    for (const { source } of [a, b]) expect((await source.scan()).changes).toBe(0);
    await world.settle();
    expect([a, b].map(({ machine, db }) => [machine.replica.position, versions(db)])).toEqual(before);
  } finally {
    await world.close();
  }
}

/** Another number where anybody else committed. */
function versions(db: MemDatabase): number {
  return db.sql.pragma('data_version', { simple: true }) as number;
}

function sessionsOf(observations: number): number {
  return Math.ceil(observations / OF_A_SESSION);
}

function promptsOf(observations: number): number {
  return Math.ceil(observations / 3);
}

function summariesOf(observations: number): number {
  return Math.ceil(observations / 10);
}

function fill(db: MemDatabase, name: string, observations: number): void {
  db.sql.transaction(() => {
    for (let at = 0; at < observations; at += 1) {
      const session = `${name}-${Math.floor(at / OF_A_SESSION)}`;
      const time = 1_760_000_000_000 + at * 1_000;
      const when = { created_at: new Date(time).toISOString(), created_at_epoch: time };
      if (at % OF_A_SESSION === 0) db.session(session);
      db.observation(session, `${name} ${at}`, when);
      if (at % 3 === 0) db.prompt(session, at, `prompt ${at} of ${name}`, when);
      if (at % 10 === 0) db.summary(session, `request ${at} of ${name}`, when);
    }
  })();
}

/** As when the agent of a session began anew on one machine. */
function rekey(db: MemDatabase, session: string): void {
  db.run('UPDATE sdk_sessions SET memory_session_id = ? WHERE content_session_id = ?', `m-${session}-again`, session);
}

function counts(db: MemDatabase): number[] {
  return ['sdk_sessions', 'observations', 'session_summaries', 'user_prompts'].map((table) => db.get(`SELECT count(*) FROM ${table}`));
}

/** What stands there twice, whatever its numbers. */
function repeated(db: MemDatabase): unknown[] {
  return [
    'SELECT title FROM observations GROUP BY title, narrative HAVING count(*) > 1',
    'SELECT request FROM session_summaries GROUP BY request, created_at_epoch HAVING count(*) > 1',
    'SELECT prompt_text FROM user_prompts GROUP BY prompt_text HAVING count(*) > 1',
  ].flatMap((sql) => db.sql.prepare(sql).all());
}
