// A worker of claude-mem, in a thread of its own: works on its database all the while, as claude-mem does.
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';

const { file, seed, pauseMs } = workerData;
const sql = new Database(file, { timeout: 5_000 });
sql.pragma('journal_mode = WAL');
sql.pragma('synchronous = OFF');
sql.pragma('foreign_keys = ON');

let state = seed;
const random = (below) => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state >>> 8) % below;
};
const columns = new Map();
const insert = (table, cells) => {
  const known = columns.get(table) ?? sql.pragma(`table_info(${table})`).map(({ name }) => name);
  columns.set(table, known);
  const there = Object.entries(cells).filter(([column]) => known.includes(column));
  sql
    .prepare(`INSERT INTO ${table} (${there.map(([name]) => name).join()}) VALUES (${there.map(() => '?').join()})`)
    .run(...there.map(([, value]) => value));
};
let count = 0;
const unique = () => `${seed}-${(count += 1)}`;
const any = (table, tail = '') =>
  sql
    .prepare(`SELECT * FROM ${table} ${tail} ORDER BY id LIMIT 1 OFFSET ?`)
    .get(random(Math.max(1, sql.prepare(`SELECT count(*) FROM ${table}`).pluck().get())));
const at = () => ({ created_at: 'now', created_at_epoch: 1_760_000_000_000 + random(1_000_000) });

const deeds = [
  () => {
    const id = unique();
    insert('sdk_sessions', {
      content_session_id: id,
      memory_session_id: `m-${id}`,
      project: 'p',
      started_at: 'x',
      started_at_epoch: 1,
      prompt_counter: 1,
    });
  },
  ...Array.from({ length: 5 }, () => () => {
    const session = any('sdk_sessions');
    if (session === undefined) return;
    const title = unique();
    insert('observations', {
      memory_session_id: session.memory_session_id,
      project: 'p',
      type: 'change',
      title,
      narrative: 'n',
      content_hash: title,
      ...at(),
    });
  }),
  ...Array.from({ length: 2 }, () => () => {
    const session = any('sdk_sessions');
    if (session === undefined) return;
    const prompt = unique();
    insert('user_prompts', {
      session_db_id: session.id,
      content_session_id: session.content_session_id,
      prompt_number: random(50),
      prompt_text: prompt,
      ...at(),
    });
    insert('session_summaries', { memory_session_id: session.memory_session_id, project: 'p', request: prompt, ...at() });
  }),
  () => {
    const row = any('observations');
    if (row !== undefined) sql.prepare('UPDATE observations SET subtitle = ?, facts = ? WHERE id = ?').run(unique(), unique(), row.id);
  },
  () => {
    const row = any('sdk_sessions');
    if (row !== undefined)
      sql.prepare("UPDATE sdk_sessions SET prompt_counter = prompt_counter + 1, status = 'completed' WHERE id = ?").run(row.id);
  },
  () => {
    const row = any('observations');
    if (row !== undefined) sql.prepare('DELETE FROM observations WHERE id = ?').run(row.id);
  },
  () => {
    if (random(4) !== 0) return;
    const row = any('sdk_sessions');
    if (row !== undefined) sql.prepare('DELETE FROM sdk_sessions WHERE id = ?').run(row.id);
  },
  () => {
    // Release 9.0 does not let rows follow, and does not do it.
    const follows = sql.pragma('foreign_key_list(observations)').some(({ on_update }) => on_update === 'CASCADE');
    if (!follows || random(3) !== 0) return;
    const row = any('sdk_sessions');
    if (row !== undefined) sql.prepare('UPDATE sdk_sessions SET memory_session_id = ? WHERE id = ?').run(`m-${unique()}`, row.id);
  },
];

let stopped = false;
parentPort.on('message', () => (stopped = true));
const work = () => {
  try {
    const busy = sql.transaction(() => {
      for (let i = random(3); i >= 0; i -= 1) deeds[random(deeds.length)]();
    });
    busy.immediate();
  } catch (error) {
    parentPort.postMessage({ type: 'failed', message: `${error.code} ${error.message}` }, []);
    return sql.close();
  }
  if (stopped) {
    sql.close();
    parentPort.postMessage({ type: 'stopped', rows: count }, []);
    return parentPort.close();
  }
  setTimeout(work, random(pauseMs));
};
work();
