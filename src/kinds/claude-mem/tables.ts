import type { ColumnMerge } from '../rows/row-kind.ts';

/** The tables of claude-mem that travel, as they stand in names. */
export const MEM_TABLES = ['sessions', 'observations', 'summaries', 'prompts', 'tool-uses'] as const;
export type MemTable = (typeof MEM_TABLES)[number];

/** The key of a body that holds the name of the session's item, in place of a machine's own number. */
export const SESSION = '@session';

const ask = (...columns: string[]): [string, ColumnMerge][] => columns.map((column) => [column, 'ask']);
const greatest = (...columns: string[]): [string, ColumnMerge][] => columns.map((column) => [column, 'greatest']);

/**
 * The columns that travel, over all releases from 9.0 to 13.25, and how each is merged. What is not here never travels: local
 * numbers, queues, what counts or marks something of one machine (`worker_port`, `relevance_count`, `synced_at`, `origin_*`, `sync_*`).
 */
export const MEM_COLUMNS: { readonly [Table in MemTable]: ReadonlyMap<string, ColumnMerge> } = {
  sessions: new Map<string, ColumnMerge>([
    ...ask('content_session_id', 'platform_source', 'project', 'user_prompt', 'custom_title'),
    ...greatest('memory_session_id', 'started_at', 'started_at_epoch', 'completed_at', 'completed_at_epoch', 'prompt_counter'),
    ...greatest('observed_model', 'observed_billing'),
    ['status', ['active', 'failed', 'completed']],
  ]),
  observations: new Map([
    ...ask('type', 'title', 'subtitle', 'text', 'facts', 'narrative', 'concepts', 'files_read', 'files_modified', 'metadata'),
    ...greatest(SESSION, 'project', 'merged_into_project', 'prompt_number', 'discovery_tokens', 'created_at', 'created_at_epoch'),
    ...greatest('content_hash', 'generated_by_model', 'agent_type', 'agent_id'),
  ]),
  summaries: new Map([
    ...ask('request', 'investigated', 'learned', 'completed', 'next_steps', 'files_read', 'files_edited', 'notes'),
    ...greatest(SESSION, 'project', 'merged_into_project', 'prompt_number', 'discovery_tokens', 'created_at', 'created_at_epoch'),
  ]),
  prompts: new Map([...ask('prompt_text'), ...greatest(SESSION, 'content_session_id', 'prompt_number', 'created_at', 'created_at_epoch')]),
  'tool-uses': new Map([
    ...ask('tool_name', 'tool_input', 'tool_response', 'cwd'),
    ...greatest(SESSION, 'tool_use_id', 'content_session_id', 'memory_session_id', 'project', 'platform_source', 'prompt_number'),
    ...greatest('agent_type', 'agent_id', 'or_generation_id', 'or_session_id', 'content_hash', 'created_at', 'created_at_epoch'),
  ]),
};
