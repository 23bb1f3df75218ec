// What a worker of claude-mem does to its database, at random, transaction by transaction.
import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';

/**
 * `work` makes one transaction and gives what it did, as `{ deed: 'put' | 'edit' | 'delete', table, key, value }`: the key of a row is unique,
 * and stays. Throws what SQLite throws.
 */
export function createMemDeeds({ file, seed }) {
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
  const columnsOf = (table) => {
    const known = columns.get(table) ?? sql.pragma(`table_info(${table})`).map(({ name }) => name);
    columns.set(table, known);
    return known;
  };
  let done = [];
  const note = (deed, table, key, value = null) => done.push({ deed, table, key, value });
  const insert = (table, cells) => {
    const there = Object.entries(cells).filter(([column]) => columnsOf(table).includes(column));
    sql
      .prepare(`INSERT INTO ${table} (${there.map(([name]) => name).join()}) VALUES (${there.map(() => '?').join()})`)
      .run(...there.map(([, value]) => value));
    note('put', table, keyOf(table, cells));
  };
  let count = 0;
  const unique = () => `${seed}-${(count += 1)}`;
  const any = (table, tail = '') =>
    sql
      .prepare(`SELECT * FROM ${table} ${tail} ORDER BY id LIMIT 1 OFFSET ?`)
      .get(random(Math.max(1, sql.prepare(`SELECT count(*) FROM ${table} ${tail}`).pluck().get())));
  const withRows = () => any('sdk_sessions', 'WHERE memory_session_id IS NOT NULL');
  const at = () => ({ created_at: 'now', created_at_epoch: 1_760_000_000_000 + random(1_000_000) });
  const refersById = columnsOf('user_prompts').includes('session_db_id');
  const hasPlatforms = sql.pragma('index_list(sdk_sessions)').some(({ name }) => name === 'ux_sdk_sessions_platform_content');
  const hasAllTypes = !sql.prepare("SELECT sql FROM sqlite_master WHERE name = 'observations'").pluck().get().includes('CHECK');
  const follows = sql.pragma('foreign_key_list(observations)').some(({ on_update }) => on_update === 'CASCADE');

  const session = () => {
    const id = unique();
    insert('sdk_sessions', {
      content_session_id: id,
      memory_session_id: random(5) === 0 ? null : `m-${id}`,
      project: 'p',
      platform_source: hasPlatforms && random(4) === 0 ? 'codex' : 'claude',
      started_at: 'x',
      started_at_epoch: 1,
      prompt_counter: 1,
    });
  };
  const observation = () => {
    const parent = withRows();
    if (parent === undefined) return;
    const [title, narrative] = [unique(), 'n'];
    const hashed = [parent.memory_session_id, title, narrative].join('\0');
    insert('observations', {
      memory_session_id: parent.memory_session_id,
      project: 'p',
      text: title,
      type: hasAllTypes && random(10) === 0 ? 'security_alert' : 'change',
      title,
      narrative,
      content_hash: createHash('sha256').update(hashed).digest('hex').slice(0, 16),
      merged_into_project: random(5) === 0 ? 'other' : null,
      ...at(),
    });
  };
  const promptAndSummary = () => {
    const parent = withRows();
    if (parent === undefined) return;
    const prompt = unique();
    insert('user_prompts', {
      session_db_id: parent.id,
      content_session_id: parent.content_session_id,
      prompt_number: random(50),
      prompt_text: prompt,
      ...at(),
    });
    insert('session_summaries', { memory_session_id: parent.memory_session_id, project: 'p', request: prompt, ...at() });
  };
  const edit = (table, column) => () => {
    if (!columnsOf(table).includes(column)) return;
    const row = any(table);
    if (row === undefined) return;
    const value = unique();
    sql.prepare(`UPDATE ${table} SET ${column} = ? WHERE id = ?`).run(value, row.id);
    note('edit', table, keyOf(table, row), value);
  };
  const remove = (table) => () => {
    const row = any(table);
    if (row === undefined) return;
    sql.prepare(`DELETE FROM ${table} WHERE id = ?`).run(row.id);
    note('delete', table, keyOf(table, row));
  };
  const removeSession = () => {
    if (random(4) !== 0) return;
    const row = any('sdk_sessions');
    if (row === undefined) return;
    for (const table of ['observations', 'session_summaries', 'user_prompts']) {
      const column = table !== 'user_prompts' ? 'memory_session_id' : refersById ? 'session_db_id' : 'content_session_id';
      const value = table !== 'user_prompts' ? row.memory_session_id : refersById ? row.id : row.content_session_id;
      for (const child of sql.prepare(`SELECT * FROM ${table} WHERE ${column} = ?`).all(value)) note('delete', table, keyOf(table, child));
    }
    sql.prepare('DELETE FROM sdk_sessions WHERE id = ?').run(row.id);
    note('delete', 'sdk_sessions', keyOf('sdk_sessions', row));
  };
  const work = () => {
    const row = any('sdk_sessions');
    if (row === undefined) return;
    sql.prepare("UPDATE sdk_sessions SET prompt_counter = prompt_counter + 1, status = 'completed' WHERE id = ?").run(row.id);
  };
  const nameMemory = () => {
    const row = any('sdk_sessions', 'WHERE memory_session_id IS NULL');
    if (row !== undefined) sql.prepare('UPDATE sdk_sessions SET memory_session_id = ? WHERE id = ?').run(`m-${unique()}`, row.id);
  };
  const rekey = () => {
    // Release 9.0 does not let rows follow, and does not do it.
    if (!follows || random(3) !== 0) return;
    const row = withRows();
    if (row !== undefined) sql.prepare('UPDATE sdk_sessions SET memory_session_id = ? WHERE id = ?').run(`m-${unique()}`, row.id);
  };

  const deeds = [
    ...[session, promptAndSummary, promptAndSummary, ...Array.from({ length: 5 }, () => observation)],
    ...[edit('observations', 'subtitle'), edit('observations', 'title'), edit('session_summaries', 'notes')],
    ...[edit('sdk_sessions', 'custom_title'), work, nameMemory, rekey],
    ...[remove('observations'), remove('user_prompts'), removeSession],
  ];
  return {
    random,
    /** Rows to begin with: the same for everybody who is given the same name. */
    fill(name, rows) {
      done = [];
      sql.transaction(() => {
        for (let i = 0; i < rows; i += 1) {
          const [id, time] = [`${name}-${i % Math.ceil(rows / 5)}`, { created_at: 'then', created_at_epoch: 1_750_000_000_000 + i }];
          const key = `${name} ${i}`;
          const isKnown = sql.prepare('SELECT 1 FROM sdk_sessions WHERE content_session_id = ?').get(id) !== undefined;
          const epoch = { started_at: 'x', started_at_epoch: 1, prompt_counter: 1 };
          if (!isKnown) insert('sdk_sessions', { content_session_id: id, memory_session_id: `m-${id}`, project: 'p', ...epoch });
          const common = { memory_session_id: `m-${id}`, project: 'p', ...time };
          insert('observations', { ...common, text: key, type: 'change', title: key, narrative: 'n', content_hash: key });
        }
      })();
      return done;
    },
    work() {
      done = [];
      sql
        .transaction(() => {
          for (let i = random(3); i >= 0; i -= 1) deeds[random(deeds.length)]();
        })
        .immediate();
      return done;
    },
    close: () => sql.close(),
  };
}

/** By what a row is told here: no deed changes it. */
export function keyOf(table, row) {
  if (table === 'observations') return row.text;
  if (table === 'session_summaries') return row.request;
  return table === 'user_prompts' ? row.prompt_text : row.content_session_id;
}
