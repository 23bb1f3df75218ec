import type { FileStat } from '../../core/ports/files.ts';
import type { CaptureReport, Found } from '../../core/replica/workspace.ts';
import { createPortions } from '../capture/portions.ts';
import type { TreeContext } from './context.ts';
import { createLargeInTurn } from './large-in-turn.ts';

/** One `capture` takes at most so much at a time: bodies are in memory until it is durable. */
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_ITEMS = 1_000;
/** So many small ones go before each large one, which takes other machines as long. */
const SMALL_BETWEEN = 1_000;
/** Other machines wait for the first one. */
const FIRST_PART = 1 / 8;
/** One is encrypted while another is written down. */
const AT_ONCE = 2;
/** New bodies of this size are sealed elsewhere before they are handed on. */
export const LARGE_BYTES = 1024 * 1024;

export interface CaptureBatches {
  add(found: Found, stat: FileStat | null): Promise<void>;
  /**
   * From the stream of large ones: waits until it was sealed (where `isNew`: the space holds nothing of it yet), and until its
   * turn comes between the small ones that are added meanwhile.
   */
  addLarge(found: Found, stat: FileStat | null, isNew: boolean): Promise<void>;
  /** The stream of small ones has ended: large ones need not wait any more. */
  smallEnded(): void;
  finish(): Promise<CaptureReport>;
}

/** Portions of what was found in a tree. */
export function createBatches(context: TreeContext): CaptureBatches {
  const stats = new Map<string, FileStat>();
  const large = createLargeInTurn(SMALL_BETWEEN);
  const portions = createPortions<Found>(
    { entries: BATCH_ITEMS, bytes: BATCH_BYTES, first: FIRST_PART, atOnce: AT_ONCE },
    async (batch) => {
      const made = await context.workspace.capture(batch, { message: describe(batch), writer: context.workspace.writer });
      for (const { item, reason, again, unfit = false } of made.refused) {
        if (again === true) continue;
        const stat = stats.get(item.name);
        if (stat !== undefined) context.memory.refused.set(item.name, { stat, reason, unfit });
        context.memory.skipped.set(item.name, reason);
      }
      return made;
    },
  );
  const add = async (found: Found, stat: FileStat | null): Promise<void> => {
    if (stat !== null) stats.set(found.item.name, stat);
    await portions.add(found, lengthOf(found));
  };
  return {
    add(found, stat) {
      large.small();
      return add(found, stat);
    },
    async addLarge(found, stat, isNew) {
      if (found.type === 'body' && isNew && found.body.length >= LARGE_BYTES) await context.workspace.expect?.(found.body);
      await large.turn();
      await add(found, stat);
    },
    smallEnded: () => large.smallEnded(),
    finish: () => portions.finish(),
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
