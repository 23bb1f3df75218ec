import type { FileStat } from '../../core/ports/files.ts';
import type { CaptureReport, Found } from '../../core/replica/workspace.ts';
import type { TreeContext } from './context.ts';

/** One `capture` takes at most so much at a time: bodies are in memory until it is durable. */
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_ITEMS = 1_000;
/** New bodies of this size are sealed elsewhere before they are handed on. */
export const LARGE_BYTES = 1024 * 1024;

export interface CaptureBatches {
  /** `isNew`: the space holds nothing of it yet. May be called while another call waits, which a large one does for its sealing. */
  add(found: Found, stat: FileStat | null, isNew?: boolean): Promise<void>;
  finish(): Promise<CaptureReport>;
}

/**
 * Hands on what was found in portions, and adds up what became of it. While one portion is taken the next is collected;
 * what goes wrong with one is thrown by the next call, and nothing is taken after it.
 */
export function createBatches(context: TreeContext): CaptureBatches {
  let batch: Found[] = [];
  let bytes = 0;
  let sum = emptyCapture();
  let underway: Promise<void> = Promise.resolve();
  const stats = new Map<string, FileStat>();
  const capture = async (batch: readonly Found[]): Promise<void> => {
    const made = await context.workspace.capture(batch, { message: describe(batch), writer: context.workspace.writer });
    for (const { item, reason, again } of made.refused) {
      if (again === true) continue;
      const stat = stats.get(item.name);
      if (stat !== undefined) context.memory.refused.set(item.name, { stat, reason });
      context.memory.skipped.set(item.name, reason);
    }
    sum = {
      commits: sum.commits + made.commits,
      changes: sum.changes + made.changes,
      bytes: sum.bytes + made.bytes,
      noted: sum.noted + made.noted,
      conflicts: [...sum.conflicts, ...made.conflicts],
      refused: [...sum.refused, ...made.refused],
    };
  };
  /** May be called while another call waits. */
  const send = async (): Promise<void> => {
    const [before, taken] = [underway, batch];
    if (taken.length === 0) return before;
    [batch, bytes] = [[], 0];
    underway = before.then(() => capture(taken));
    underway.catch(() => undefined); // thrown where it is awaited
    await before;
  };
  const put = async (found: Found): Promise<void> => {
    batch.push(found);
    bytes += lengthOf(found);
    if (batch.length >= BATCH_ITEMS || bytes >= BATCH_BYTES) await send();
  };
  return {
    async add(found, stat, isNew = false) {
      if (stat !== null) stats.set(found.item.name, stat);
      if (found.type === 'body' && isNew && found.body.length >= LARGE_BYTES) await context.workspace.expect?.(found.body);
      await put(found);
    },
    async finish() {
      await send();
      await underway;
      return sum;
    },
  };
}

function lengthOf(found: Found): number {
  return found.type === 'body' ? found.body.length : found.type === 'tail' ? found.tail.length : 0;
}

function describe(batch: readonly Found[]): string {
  const changed = batch.filter((found) => found.type !== 'same');
  const [first] = changed;
  if (first === undefined) return 'Nothing changed';
  return changed.length === 1 ? first.item.name.slice(0, 200) : `${changed.length} files`;
}

export function emptyCapture(): CaptureReport {
  return { commits: 0, changes: 0, bytes: 0, noted: 0, conflicts: [], refused: [] };
}
