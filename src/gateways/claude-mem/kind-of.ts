import type { MemTable } from '../../kinds/claude-mem/tables.ts';
import type { RowKind } from './payload.ts';

/** As what ops tell of the rows of a table; `null`: of these they do not. */
export const KIND_OF: { readonly [T in MemTable]: RowKind | null } = {
  sessions: null,
  observations: 'observation',
  summaries: 'summary',
  prompts: 'prompt',
  'tool-uses': null,
};
