import type { FileProblem } from '../../core/ports/files.ts';
import type { Applied, Outstanding } from '../../core/replica/workspace.ts';
import { fail, type Result } from '../../core/result.ts';
import type { TreeContext } from './context.ts';
import type { NamedReason } from './reports.ts';
import { postpone } from './retries.ts';

/** What one apply has done so far. */
export interface Tally {
  written: number;
  removed: number;
  /** The disk turned out to be full: what is left waits. */
  full: boolean;
  readonly notHere: NamedReason[];
}

export function emptyTally(): Tally {
  return { written: 0, removed: 0, full: false, notHere: [] };
}

/** Intends, puts, makes durable, and moves the views of what worked. Returns how many did. */
export async function inTurn<T extends { readonly outstanding: Outstanding }>(
  context: TreeContext,
  jobs: readonly T[],
  outdated: Outstanding[],
  tally: Tally,
  put: (job: T) => Promise<Result<Applied, FileProblem>>,
): Promise<number> {
  if (jobs.length === 0) return 0;
  await context.workspace.intend(jobs.map(({ outstanding }) => outstanding));
  const applied: Applied[] = [];
  const queue = jobs.values();
  const work = async (): Promise<void> => {
    for (const job of queue) {
      const { name } = job.outstanding.item;
      const outcome: Result<Applied, FileProblem> = tally.full ? FULL : await put(job);
      if (outcome.ok) {
        applied.push(outcome.value);
        context.memory.retries.delete(name);
      } else if (outcome.error.type === 'changed' || outcome.error.type === 'missing') outdated.push(job.outstanding);
      else {
        tally.full ||= outcome.error.type === 'full';
        postpone(context, name, outcome.error.message);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(context.limits.writers, jobs.length) }, work));
  const flushed = await context.files.flush();
  if (!flushed.ok) {
    // In place, but not for certain after a power cut: the views move when the next capture finds it.
    for (const { item } of applied) postpone(context, item.name, flushed.error.message);
    return 0;
  }
  await context.workspace.applied(applied);
  return applied.length;
}

export const FULL = fail<FileProblem>({ type: 'full', message: 'the disk is full' });
