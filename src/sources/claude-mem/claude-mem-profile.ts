import { claudeMemKind } from '../../kinds/claude-mem/claude-mem-kind.ts';
import { contentHash } from '../../kinds/claude-mem/content-hash.ts';
import {
  DEFAULT_PLATFORM,
  MEM_PREFIX,
  observationName,
  promptName,
  sessionName,
  summaryName,
  tableOfName,
  toolUseName,
  twinName,
} from '../../kinds/claude-mem/names.ts';
import { MEM_COLUMNS, SESSION, type MemTable } from '../../kinds/claude-mem/tables.ts';
import type { Row, RowValue } from '../../kinds/rows/row-body.ts';
import type { ReferenceProfile, RevisionProfile, RowsProfile, TableProfile } from '../sqlite-rows/profile.ts';

/** Releases before schema 17 called them so. */
const FORMERLY = { content_session_id: 'claude_session_id', memory_session_id: 'sdk_session_id' };

const BY_MEMORY_SESSION: ReferenceProfile = {
  key: SESSION,
  table: 'sessions',
  via: [{ column: 'memory_session_id', equals: 'memory_session_id' }],
};

/** Since 13.10 by number, before that by the session's own id. */
const BY_SESSION: ReferenceProfile = {
  key: SESSION,
  table: 'sessions',
  via: [
    { column: 'session_db_id', equals: 'id' },
    { column: 'content_session_id', equals: 'content_session_id' },
  ],
};

const SESSIONS: TableProfile = {
  ...tableOf('sessions', 'sdk_sessions'),
  implied: { platform_source: DEFAULT_PLATFORM },
  constant: ['content_session_id', 'platform_source'],
  nameOf(row) {
    const [platform, contentSessionId] = [textOf(row, 'platform_source'), textOf(row, 'content_session_id')];
    return platform === null || contentSessionId === null ? null : sessionName({ platform, contentSessionId });
  },
};

/**
 * What claude-mem's own sync makes of a session that it was not told of: it knows no more than the id in the rows of it. Only where it is
 * at work: elsewhere such a session is all that there is of it.
 */
const STUBS: NonNullable<TableProfile['standIns']> = {
  column: 'memory_session_id',
  isOne: (row) =>
    row.get('content_session_id') === row.get('memory_session_id') && !row.has('user_prompt') && row.get('status') === 'completed',
};

/** What claude-mem's own sync knows states of rows by. What of its history it is not to send stays so. `ofParent`: what it says of their session. */
const revisionsOf = (kind: 'observation' | 'summary' | 'prompt', ofParent: readonly string[]): RevisionProfile => ({
  ...{ column: 'sync_rev', origin: 'origin_device_id', ofParent },
  alongside: { table: 'sync_launch_exclusions', of: 'origin_local_id', kinds: 'kind', kind, column: 'through_rev' },
});

const OBSERVATIONS: TableProfile = {
  ...tableOf('observations', 'observations'),
  revisions: revisionsOf('observation', ['memory_session_id']),
  constant: ['created_at_epoch'],
  words: ['title', 'narrative', 'text'],
  reference: BY_MEMORY_SESSION,
  derived: {
    content_hash: (row, session) =>
      contentHash(session === null ? null : textOf(session, 'memory_session_id'), textOf(row, 'title'), textOf(row, 'narrative')),
  },
  nameOf(row) {
    const [session, createdAtEpoch] = [textOf(row, SESSION), numberOf(row, 'created_at_epoch')];
    if (session === null || createdAtEpoch === null) return null;
    const [title, narrative, text] = [textOf(row, 'title'), textOf(row, 'narrative'), textOf(row, 'text')];
    return observationName(session, { title, narrative, text, createdAtEpoch });
  },
};

const SUMMARIES: TableProfile = {
  ...tableOf('summaries', 'session_summaries'),
  revisions: revisionsOf('summary', ['memory_session_id']),
  constant: ['created_at_epoch'],
  words: ['request', 'investigated', 'learned', 'completed', 'next_steps', 'notes'],
  reference: BY_MEMORY_SESSION,
  nameOf(row) {
    const [session, createdAtEpoch] = [textOf(row, SESSION), numberOf(row, 'created_at_epoch')];
    return session === null || createdAtEpoch === null ? null : summaryName(session, { request: textOf(row, 'request'), createdAtEpoch });
  },
};

const PROMPTS: TableProfile = {
  ...tableOf('prompts', 'user_prompts'),
  revisions: revisionsOf('prompt', ['memory_session_id', 'project', 'platform_source']),
  constant: ['content_session_id', 'prompt_number', 'created_at_epoch'],
  reference: BY_SESSION,
  nameOf(row) {
    const contentSessionId = textOf(row, 'content_session_id');
    const [promptNumber, createdAtEpoch] = [numberOf(row, 'prompt_number'), numberOf(row, 'created_at_epoch')];
    if (contentSessionId === null || promptNumber === null || createdAtEpoch === null) return null;
    return promptName({ contentSessionId, promptNumber, createdAtEpoch });
  },
};

const TOOL_USES: TableProfile = {
  ...tableOf('tool-uses', 'tool_uses'),
  constant: ['content_session_id', 'tool_use_id'],
  reference: BY_SESSION,
  nameOf(row) {
    const [contentSessionId, toolUseId] = [textOf(row, 'content_session_id'), textOf(row, 'tool_use_id')];
    return contentSessionId === null || toolUseId === null ? null : toolUseName({ contentSessionId, toolUseId });
  },
};

/** Which of them travel. */
export interface CarriedRows {
  readonly toolUses: boolean;
  readonly sessionsOnly?: boolean;
  /** All of them, of a database in which the worker's own sync is at work. */
  readonly isSyncedToo?: boolean;
}

/**
 * The rows of claude-mem's database, releases 9.0 to 13.25. Inputs and outputs of tools are sensitive: only where they were asked for.
 * `sessionsOnly`: what the worker's own sync leaves out.
 */
export function claudeMemProfile(options: CarriedRows): RowsProfile {
  const sessions = options.sessionsOnly === true || options.isSyncedToo === true ? { ...SESSIONS, standIns: STUBS } : SESSIONS;
  const carried = options.sessionsOnly === true ? [sessions] : [sessions, OBSERVATIONS, SUMMARIES, PROMPTS];
  const tables = [...carried, ...(options.toolUses ? [TOOL_USES] : [])];
  const ids = new Set<string>(tables.map(({ id }) => id));
  return {
    kind: claudeMemKind.id,
    prefix: MEM_PREFIX,
    tables,
    guarded: options.sessionsOnly === true ? [OBSERVATIONS, SUMMARIES, PROMPTS] : [],
    tableOf(name) {
      const table = tableOfName(name);
      return table !== null && ids.has(table) ? table : null;
    },
    twinOf: twinName,
  };
}

function tableOf(id: MemTable, table: string): Omit<TableProfile, 'nameOf'> {
  const columns = [...MEM_COLUMNS[id].keys()].filter((column) => column !== SESSION);
  return {
    id,
    table,
    columns,
    formerly: FORMERLY,
    implied: {},
    constant: [],
    words: [],
    reference: null,
    derived: {},
    standIns: null,
    revisions: null,
  };
}

function textOf(row: Row, column: string): string | null {
  const value = row.get(column);
  return typeof value === 'string' ? value : null;
}

function numberOf(row: Row, column: string): number | null {
  const value: RowValue | undefined = row.get(column);
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}
