import { existsSync } from 'node:fs';
import type { OpenSpace } from '../node.ts';
import { OperationFailure } from '../operations/operation.ts';

/**
 * Refuses to have claude-mem's rows go another way while it waits for an answer whether the database that stands there is the one that was known: what
 * its worker's own sync put into another one, under sessions that it made up, would be taken for rows of this machine then, and a rejection could not put
 * the real ones beside them. Looks at the database once more; captures what it may. Throws {@link OperationFailure}. Cost: of a scan.
 */
export async function refuseUnanswered({ rows }: Pick<OpenSpace, 'rows'>): Promise<void> {
  for (const { source, definition } of rows) {
    await source.scan();
    const state = source.state();
    // Where none stands there, nothing came into it: the next one is asked about.
    const isAsked = state.type === 'older-state' || (state.type === 'root-missing' && existsSync(definition.file));
    if (!isAsked) continue;
    throw new OperationFailure(
      'open',
      'answer-first',
      `what becomes of claude-mem’s rows waits for your answer: ${state.message} (${definition.file}). Until then claude-mem stays with the way that it syncs by: nothing was changed`,
      'Answer, and then run this again: satchel pending',
    );
  }
}
