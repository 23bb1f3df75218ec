import { columnsOf, lookInto } from '../claude-mem-health/mem-tables.ts';

/** How many rows a database has of each project, its prompts counted with their sessions. None where there is no database. O(rows). */
export function countProjects(file: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  lookInto(file, (database) => {
    const add = (sql: string): void => {
      for (const { project, count } of database.prepare<[], { readonly project: string | null; readonly count: number }>(sql).all())
        if (project !== null) counts.set(project, (counts.get(project) ?? 0) + count);
    };
    for (const table of ['sdk_sessions', 'observations', 'session_summaries'])
      if (columnsOf(database, table).has('project')) add(`SELECT project, count(*) AS count FROM ${table} GROUP BY project`);
    const prompts = columnsOf(database, 'user_prompts');
    const by = prompts.has('session_db_id') ? 's.id = p.session_db_id' : 's.content_session_id = p.content_session_id';
    if (prompts.has('content_session_id') && columnsOf(database, 'sdk_sessions').has('content_session_id'))
      add(`SELECT s.project AS project, count(*) AS count FROM user_prompts p JOIN sdk_sessions s ON ${by} GROUP BY s.project`);
  });
  return counts;
}
