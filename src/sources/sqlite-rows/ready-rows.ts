import { BodyUnavailable, isLacking, type Intended, type Outstanding } from '../../core/replica/workspace.ts';
import type { RowsContext } from './context.ts';
import { planRows } from './planned-rows.ts';
import { judgeReady } from './row-scope.ts';
import type { Place } from './row-index.ts';
import type { PlannedRow, RowProblem } from './row-task.ts';

/** An item with all that is needed to write its row in one go. */
export interface ReadyRow {
  readonly outstanding: Outstanding;
  readonly table: string;
  /** Where it stands now. */
  readonly place: Place | null;
  /** As it was stored; `null`: it is to be removed, or cannot be had. */
  readonly body: Uint8Array | null;
  /** Why it cannot be written now, or at all here. */
  readonly problem: RowProblem | null;
  /** Where it is to stand, if it is new. */
  readonly planned: PlannedRow | null;
}

/** Why an item is not here that is left to another way, or to another release. What it was shown as stays. */
export const OF_NO_TABLE = 'it is of no table that is known here';

/** Fetches the bodies of a batch, and notes durably what is about to be changed. */
export async function readyRows(context: RowsContext, batch: readonly Outstanding[]): Promise<ReadyRow[]> {
  const { workspace, memory, profile } = context;
  await fetchBodies(context, batch);
  const ready: ReadyRow[] = [];
  for (const outstanding of batch) {
    const table = profile.tableOf(outstanding.item.name);
    const place = memory.index.of(outstanding.item.name) ?? null;
    if (table === null) {
      const problem = { type: 'not-here', reason: OF_NO_TABLE } as const;
      ready.push({ outstanding, table: '', place, body: null, problem, planned: null });
    } else ready.push({ outstanding, table, place, ...(await bodyOf(context, outstanding)), planned: null });
  }
  const judged = await judgeReady(context, ready);
  const plan = await planRows(context, judged);
  const noted = judged.flatMap(({ outstanding, place, problem }): Intended[] => {
    const planned = plan.get(outstanding.item.name);
    if (planned !== undefined) return [{ ...outstanding, note: planned.note }];
    return place !== null && problem === null ? [outstanding] : [];
  });
  if (noted.length > 0) await workspace.intend(noted);
  return judged.map((each) => ({ ...each, planned: plan.get(each.outstanding.item.name)?.planned ?? null }));
}

/** Has the bodies of a batch close by. */
export async function fetchBodies({ workspace }: RowsContext, batch: readonly Outstanding[]): Promise<void> {
  try {
    await workspace.prefetch(batch.flatMap(({ content }) => content ?? []));
  } catch (error) {
    // Each one that is missing says so when it is read.
    if (!(error instanceof BodyUnavailable)) throw error;
  }
}

async function bodyOf({ workspace }: RowsContext, { item, content }: Outstanding): Promise<Pick<ReadyRow, 'body' | 'problem'>> {
  if (content === null) return { body: null, problem: null };
  try {
    return { body: await workspace.read(item, content), problem: null };
  } catch (error) {
    if (!(error instanceof BodyUnavailable)) throw error;
    return { body: null, problem: { type: 'waits', reason: error.message, lacksBody: isLacking(error) } };
  }
}
