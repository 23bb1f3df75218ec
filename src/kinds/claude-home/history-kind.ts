import type { Kind } from '../../core/merge/kind.ts';
import { jsonlKind } from '../jsonl/jsonl.ts';

/**
 * history.jsonl: the union of lines, as any log. It has a form on each machine (`historyForm`), so that its growth is
 * captured with the whole; and Claude Code takes lines out by age, which is no wish. Cost: O(size).
 */
export const historyKind: Kind = { ...jsonlKind, id: 'history', appends: false, deletable: false };
