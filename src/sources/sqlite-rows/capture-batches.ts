import type { CaptureReport, Found } from '../../core/replica/workspace.ts';
import { createPortions } from '../capture/portions.ts';
import type { RowsContext } from './context.ts';
import { noteOf, type Place } from './row-index.ts';

/** One `capture` takes at most so much: bodies are in memory until it is durable. */
const BATCH_ITEMS = 1_000;
const BATCH_BYTES = 4 * 1024 * 1024;
/** The first of many takes this part, so that it is on its way while the next are found. */
const FIRST_PART = 1 / 4;

export interface RowBatches {
  /** `at`: where the item stands from then on; `null`: nowhere. `isApplied`: it is what an interrupted apply was about to put there. */
  add(found: Found, at: Place | null, isApplied?: boolean): Promise<void>;
  /** Has what was found so far be captured while more is looked for. */
  send(): Promise<void>;
  finish(): Promise<CaptureReport>;
}

/** Portions of found rows. The index follows at once: where a portion fails, it is read anew from the views. */
export function createRowBatches(context: RowsContext): RowBatches {
  const { workspace, memory } = context;
  const names = new Set<string>();
  const portions = createPortions<{ found: Found; at: Place | null }>(
    { entries: BATCH_ITEMS, bytes: BATCH_BYTES, first: FIRST_PART },
    async (portion) => {
      const batch = portion.map(({ found }) => found);
      const made = await workspace.capture(batch, { message: describe(batch), writer: workspace.writer });
      const places = new Map(portion.map(({ found, at }) => [found.item.name, at]));
      for (const { item, reason } of made.refused) {
        const at = places.get(item.name);
        memory.index.delete(item.name);
        if (at === undefined || at === null || at.rowid === null) continue;
        memory.index.skip(at.table, at.rowid, { digest: at.digest, reason, repeats: null });
      }
      return made;
    },
  );

  return {
    async add(found, at) {
      // What is found of an item later is found behind what was found before.
      if (names.has(found.item.name)) await portions.send();
      if (portions.isEmpty) names.clear();
      names.add(found.item.name);
      if (at === null) memory.index.delete(found.item.name);
      else memory.index.set(at);
      await portions.add({ found, at }, found.type === 'body' ? found.body.length : 0);
    },
    send: () => portions.send(),
    finish: () => portions.finish(),
  };
}

export function localOf(place: Place): string | null {
  return place.rowid === null ? null : noteOf(place.rowid, place.digest, place.mask);
}

function describe(found: readonly Found[]): string {
  const changed = found.filter(({ type }) => type !== 'same');
  const gone = changed.filter(({ type }) => type === 'absent').length;
  const rows = (count: number): string => `${count} ${count === 1 ? 'row' : 'rows'}`;
  const [first] = changed;
  if (first === undefined) return 'Nothing changed';
  if (changed.length === 1) return first.item.name.slice(0, 200);
  return gone === 0 ? rows(changed.length) : `${rows(changed.length)}, ${gone} of them removed`;
}
