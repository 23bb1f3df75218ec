import type { CaptureReport, Found } from '../../core/replica/workspace.ts';
import type { RowsContext } from './context.ts';
import { noteOf, type Place } from './row-index.ts';

/** One `capture` takes at most so much: bodies are in memory until it is durable. */
const BATCH_ITEMS = 1_000;
const BATCH_BYTES = 4 * 1024 * 1024;

export interface RowBatches {
  /** `at`: where the item stands from then on; `null`: nowhere. */
  add(found: Found, at: Place | null): Promise<void>;
  finish(): Promise<CaptureReport>;
}

/**
 * Hands on what was found in portions; while one is taken the next is collected. The index follows at once: where a portion
 * fails, it is read anew from the views.
 */
export function createRowBatches(context: RowsContext): RowBatches {
  const { workspace, memory } = context;
  let batch: { found: Found; at: Place | null }[] = [];
  let bytes = 0;
  const names = new Set<string>();
  let underway: Promise<void> = Promise.resolve();
  const sum = {
    commits: 0,
    changes: 0,
    bytes: 0,
    noted: 0,
    conflicts: [] as CaptureReport['conflicts'][number][],
    refused: [] as CaptureReport['refused'][number][],
  };

  const capture = async (portion: readonly { found: Found; at: Place | null }[]): Promise<void> => {
    const made = await workspace.capture(
      portion.map(({ found }) => found),
      { message: describe(portion.map(({ found }) => found)), writer: workspace.writer },
    );
    sum.commits += made.commits;
    sum.changes += made.changes;
    sum.bytes += made.bytes;
    sum.noted += made.noted;
    sum.conflicts.push(...made.conflicts);
    sum.refused.push(...made.refused);
    const places = new Map(portion.map(({ found, at }) => [found.item.name, at]));
    for (const { item, reason } of made.refused) {
      const at = places.get(item.name);
      memory.index.delete(item.name);
      if (at === undefined || at === null || at.rowid === null) continue;
      memory.index.skip(at.table, at.rowid, { digest: at.digest, reason, repeats: null });
    }
  };

  const send = async (): Promise<void> => {
    await underway;
    if (batch.length === 0) return;
    underway = capture(batch);
    underway.catch(() => undefined); // thrown where it is awaited
    batch = [];
    bytes = 0;
    names.clear();
  };

  return {
    async add(found, at) {
      // What is found of an item later is found behind what was found before.
      if (names.has(found.item.name)) await send();
      names.add(found.item.name);
      batch.push({ found, at });
      if (at === null) memory.index.delete(found.item.name);
      else memory.index.set(at);
      bytes += found.type === 'body' ? found.body.length : 0;
      if (batch.length >= BATCH_ITEMS || bytes >= BATCH_BYTES) await send();
    },
    async finish() {
      await send();
      await underway;
      return sum;
    },
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
