import type { Database } from 'better-sqlite3';
import { MEM_COLUMNS } from '../../kinds/claude-mem/tables.ts';
import type { Ailment } from './ailment.ts';
import { MADE_ANEW } from './damage.ts';
import { keepDatabase } from './keep-copy.ts';
import { changeIn, columnsOf, lookInto } from './mem-tables.ts';

interface Promised {
  readonly table: string;
  readonly column: string;
  readonly declared: string;
  /** What fills it in rows that are there, where a default does not. */
  readonly fill?: string;
}

const SYNCED = ['observations', 'session_summaries', 'user_prompts'];

/** What a database has whose `schema_versions` name a version, by the releases that were looked at (9.0 to 13.25). */
const PROMISES: readonly { readonly version: number; readonly columns: readonly Promised[] }[] = [
  { version: 22, columns: [{ table: 'observations', column: 'content_hash', declared: 'TEXT' }] },
  { version: 23, columns: [{ table: 'sdk_sessions', column: 'custom_title', declared: 'TEXT' }] },
  { version: 24, columns: [{ table: 'sdk_sessions', column: 'platform_source', declared: "TEXT NOT NULL DEFAULT 'claude'" }] },
  {
    version: 26,
    columns: [
      { table: 'observations', column: 'generated_by_model', declared: 'TEXT' },
      { table: 'observations', column: 'relevance_count', declared: 'INTEGER DEFAULT 0' },
    ],
  },
  {
    version: 32,
    columns: [
      ...['merged_into_project', 'agent_type', 'agent_id', 'metadata'].map((column) => ({
        table: 'observations',
        column,
        declared: 'TEXT',
      })),
      { table: 'session_summaries', column: 'merged_into_project', declared: 'TEXT' },
    ],
  },
  {
    version: 35,
    columns: [
      {
        table: 'user_prompts',
        column: 'session_db_id',
        declared: 'INTEGER REFERENCES sdk_sessions(id) ON DELETE CASCADE',
        fill: `UPDATE user_prompts SET session_db_id =
          (SELECT min(s.id) FROM sdk_sessions s WHERE s.content_session_id = user_prompts.content_session_id)`,
      },
    ],
  },
  { version: 39, columns: SYNCED.map((table) => ({ table, column: 'synced_at', declared: 'INTEGER' })) },
  {
    version: 48,
    columns: SYNCED.flatMap((table) => [
      { table, column: 'origin_device_id', declared: 'TEXT' },
      { table, column: 'origin_local_id', declared: 'TEXT' },
      { table, column: 'sync_rev', declared: "TEXT NOT NULL DEFAULT '1'" },
    ]),
  },
  {
    version: 52,
    columns: ['observed_model', 'observed_billing'].map((column) => ({ table: 'sdk_sessions', column, declared: 'TEXT' })),
  },
];

const NEWEST = Math.max(...PROMISES.map(({ version }) => version));

const CORE = { sdk_sessions: 'sessions', observations: 'observations', session_summaries: 'summaries', user_prompts: 'prompts' } as const;
/** Of one machine: they do not travel. */
const LOCAL = new Set([
  ...['id', 'memory_session_id', 'session_db_id', 'worker_port', 'relevance_count', 'synced_at'],
  ...['origin_device_id', 'origin_local_id', 'sync_rev', 'claude_session_id', 'sdk_session_id'],
]);

/** Of every release that was looked at, with all of its tables. */
const OLDEST = 20;

/** Whether the tables are what claude-mem believes that they are. Reads names of columns only. */
export function lookForSchemaDrift(file: string): Ailment[] {
  return lookInto(file, (database) => [...lost(missingTables(database)), ...missing(database, file), ...unknown(database)]) ?? [];
}

/** Tables of which a database says that it has them, and has not: its worker made them once, and does not again. */
export function findMissingTables(file: string): string[] {
  return lookInto(file, missingTables) ?? [];
}

function missingTables(database: Database): string[] {
  if (!columnsOf(database, 'schema_versions').has('version')) return [];
  const version = database.prepare<[], number | null>('SELECT max(version) FROM schema_versions').pluck().get() ?? 0;
  return version < OLDEST ? [] : Object.keys(CORE).filter((table) => columnsOf(database, table).size === 0);
}

function lost(tables: readonly string[]): Ailment[] {
  if (tables.length === 0) return [];
  const [what, it] = tables.length === 1 ? ['a table', 'it'] : ['tables', 'them'];
  return [
    {
      id: 'missing-table',
      result: 'fail',
      severity: 'high',
      reason: `claude-mem’s database lacks ${what} that it says it has: its worker fails on ${it}`,
      evidence: tables,
      would: [],
      advice: MADE_ANEW,
      repair: null,
    },
  ];
}

function missing(database: Database, file: string): Ailment[] {
  const wanted = missingColumns(database);
  if (wanted.length === 0) return [];
  const names = wanted.map(({ table, column }) => `${table}.${column}`);
  return [
    {
      id: 'schema',
      result: 'fail',
      severity: 'high',
      reason: 'claude-mem’s database lacks columns that it says it has: its worker fails on them',
      evidence: names,
      would: names.map((name) => `add the column ${name}, as claude-mem itself does`),
      advice: null,
      async repair(backups) {
        const backup = await keepDatabase(file, backups, 'claude-mem');
        const added = changeIn(file, (open) => {
          const lacking = missingColumns(open);
          for (const { table, column, declared, fill } of lacking) {
            open.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${declared}`);
            if (fill !== undefined) open.exec(fill);
          }
          return lacking.length;
        });
        return { type: 'done', lines: [`Added ${added} ${added === 1 ? 'column' : 'columns'}.`], backup, rescued: [] };
      },
    },
  ];
}

function missingColumns(database: Database): Promised[] {
  if (columnsOf(database, 'schema_versions').size === 0) return [];
  const versions = new Set(database.prepare<[], number>('SELECT version FROM schema_versions').pluck().all());
  const columns = new Map(Object.keys(CORE).map((table) => [table, columnsOf(database, table)]));
  return PROMISES.filter(({ version }) => versions.has(version))
    .flatMap((promise) => promise.columns)
    .filter(({ table, column }) => {
      const there = columns.get(table);
      return there !== undefined && there.size > 0 && !there.has(column);
    });
}

function unknown(database: Database): Ailment[] {
  const names = Object.entries(CORE).flatMap(([table, id]) =>
    [...columnsOf(database, table)]
      .filter((column) => !MEM_COLUMNS[id].has(column) && !LOCAL.has(column))
      .map((column) => `${table}.${column}`),
  );
  if (names.length === 0) return [];
  const newest = columnsOf(database, 'schema_versions').has('version')
    ? (database.prepare<[], number>('SELECT max(version) FROM schema_versions').pluck().get() ?? 0)
    : 0;
  return [
    {
      id: 'newer-schema',
      result: 'warn',
      severity: 'low',
      reason: `claude-mem’s database has ${names.length === 1 ? 'a column' : 'columns'} that this release of Satchel does not know, and does not carry`,
      evidence: [...names, ...(newest > NEWEST ? [`its schema is of version ${newest}; known is up to ${NEWEST}`] : [])],
      would: [],
      advice: 'Update Satchel; until then they stay on this machine',
      repair: null,
    },
  ];
}
