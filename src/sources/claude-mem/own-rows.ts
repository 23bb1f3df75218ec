import Database from 'better-sqlite3';

export type OwnRowKind = 'observation' | 'summary' | 'prompt';

/** A row as it stands in the database, with what its session says where the row does not. */
export interface OwnRow {
  readonly kind: OwnRowKind;
  /** Its number there. */
  readonly local: string;
  readonly revision: string;
  readonly cells: Readonly<Record<string, unknown>>;
}

export const OWN_COLUMNS: Readonly<Record<OwnRowKind, readonly string[]>> = {
  observation: [
    ...[
      'memory_session_id',
      'project',
      'text',
      'type',
      'title',
      'subtitle',
      'facts',
      'narrative',
      'concepts',
      'files_read',
      'files_modified',
    ],
    ...['prompt_number', 'discovery_tokens', 'content_hash', 'generated_by_model', 'agent_type', 'agent_id', 'metadata'],
    ...['merged_into_project', 'created_at', 'created_at_epoch'],
  ],
  summary: [
    ...['memory_session_id', 'project', 'request', 'investigated', 'learned', 'completed', 'next_steps', 'files_read', 'files_edited'],
    ...['notes', 'prompt_number', 'discovery_tokens', 'merged_into_project', 'created_at', 'created_at_epoch'],
  ],
  prompt: ['content_session_id', 'prompt_number', 'prompt_text', 'created_at', 'created_at_epoch'],
};
export const OWN_TABLES: Readonly<Record<OwnRowKind, string>> = {
  observation: 'observations',
  summary: 'session_summaries',
  prompt: 'user_prompts',
};

const PAGE = 500;

/**
 * The rows that a database's own machine made, page by page, in the order in which its worker pushes them, while the worker goes on.
 * None where the file is not there, or is of a release that has no sync (before 13.12). Throws where it cannot be read.
 */
export function* readOwnRows(file: string): Generator<OwnRow[]> {
  for (const page of readRows(file, 't.origin_device_id is null and '))
    yield page.map(({ kind, local, revision, cells }) => ({ kind, local, revision, cells }));
}

/** A row of any machine, which has the number `local` in this database. */
export interface StandingRow extends OwnRow {
  /** What the row is where it was made; `null` for this database's own. */
  readonly origin: { readonly device: string; readonly local: string } | null;
  /** Its worker has nothing to push of it. */
  readonly isSent: boolean;
}

/** As {@link readOwnRows}, with the rows that came from other machines by claude-mem's own sync. */
export function readStandingRows(file: string): Generator<StandingRow[]> {
  return readRows(file, '');
}

type ReadRow = Record<string, unknown> & { readonly own_id: number; readonly own_rev: string };

function* readRows(file: string, where: string): Generator<StandingRow[]> {
  const database = openReadOnly(file);
  if (database === null) return;
  try {
    for (const kind of ['observation', 'summary', 'prompt'] as const) {
      if (!hasSync(database, OWN_TABLES[kind])) continue;
      const origin = 't.origin_device_id as from_device, t.origin_local_id as from_local';
      const query = `${selectOwnRows(kind, origin)} where ${where}t.id > ? order by t.id limit ?`;
      const page = database.prepare<[number, number], ReadRow>(query).safeIntegers(false);
      for (let after = 0; ;) {
        const rows = page.all(after, PAGE);
        const last = rows.at(-1);
        if (last === undefined) break;
        yield rows.map(({ own_id: id, own_rev: revision, own_synced: synced, from_device: device, from_local: local, ...cells }) => {
          const isForeign = typeof device === 'string' && typeof local === 'string';
          return { kind, local: String(id), revision, cells, origin: isForeign ? { device, local } : null, isSent: synced !== null };
        });
        after = last.own_id;
      }
    }
  } finally {
    database.close();
  }
}

/** Whether the release that made this database can sync by itself (13.12 and later). True where there is none yet. Throws where it cannot be read. */
export function hasOwnSync(file: string): boolean {
  const database = openReadOnly(file);
  if (database === null) return true;
  try {
    const isThere = database.prepare("select 1 from sqlite_master where name = 'observations'").get() !== undefined;
    return !isThere || hasSync(database, 'observations');
  } finally {
    database.close();
  }
}

/** Why rows of a release that can sync by itself cannot be read as they are known, as a column that is not there; `null`: nothing says so. Throws where it cannot be read at all. */
export function whyOtherColumns(file: string): string | null {
  const database = openReadOnly(file);
  if (database === null) return null;
  try {
    for (const kind of ['observation', 'summary', 'prompt'] as const)
      if (hasSync(database, OWN_TABLES[kind])) database.prepare(selectOwnRows(kind));
    return null;
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code === 'SQLITE_ERROR') return error.message;
    throw error;
  } finally {
    database.close();
  }
}

/** Rows as {@link readOwnRows} gives them, with `own_id`, `own_rev` and `own_synced`; `besides`: columns of `t` to have as well. */
export function selectOwnRows(kind: OwnRowKind, besides: string | null = null): string {
  const columns = OWN_COLUMNS[kind].map((column) => `t.${column}`).join(', ');
  const [more, join] =
    kind === 'prompt'
      ? [', s.memory_session_id, s.project, s.platform_source', ' left join sdk_sessions s on t.session_db_id = s.id']
      : ['', ''];
  const own = 't.id as own_id, cast(t.sync_rev as text) as own_rev, t.synced_at as own_synced';
  return `select ${own}, ${besides === null ? '' : `${besides}, `}${columns}${more} from ${OWN_TABLES[kind]} t${join}`;
}

function openReadOnly(file: string): Database.Database | null {
  try {
    return new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code === 'SQLITE_CANTOPEN') return null;
    throw error;
  }
}

export function hasSync(database: Database.Database, table: string): boolean {
  const columns = new Set((database.pragma(`table_info(${table})`) as { readonly name: string }[]).map(({ name }) => name));
  return ['sync_rev', 'origin_device_id', 'synced_at'].every((column) => columns.has(column));
}
