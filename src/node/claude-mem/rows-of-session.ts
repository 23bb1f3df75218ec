import { MEM_PREFIX, sessionGroup } from '../../kinds/claude-mem/names.ts';
import { SESSION } from '../../kinds/claude-mem/tables.ts';
import type { RowsOfSpace } from '../../gateways/claude-mem/rows-of-space.ts';

/** Whether memories, summaries or prompts of this session are in the space. O(those of it). */
export async function hasRowsOf(session: string, rows: Pick<RowsOfSpace, 'under'>): Promise<boolean> {
  const group = sessionGroup(session);
  if (group === null) return false;
  // A prompt does not say by its name of which platform its session is.
  const id = group.slice(group.indexOf('/') + 1);
  for (const under of [`observations/${group}`, `summaries/${group}`, `prompts/${id}`])
    for (const row of (await rows.under(`${MEM_PREFIX}${under}/`)).values()) if (row.get(SESSION) === session) return true;
  return false;
}
