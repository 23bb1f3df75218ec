import type { Item } from '../../core/item.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import type { TreeContext } from './context.ts';
import { emptyTally, inTurn } from './in-turn.ts';
import { claimsOnDisk, FOLDED } from './plan-apply.ts';
import { putInPlace, type ReadyPut } from './put-in-place.ts';
import { postpone } from './retries.ts';
import { loadViews } from './views-by-name.ts';

/** Files read at a time: their bodies are in memory. */
const BATCH = 100;

/**
 * Writes again, where nothing stands, what the views show under these names. Newer versions follow with the next
 * apply. What cannot be written goes on counting as missing; where another name has its place on a disk that folds names,
 * it is not here. Returns how many files were written.
 */
export async function restoreShown(context: TreeContext, names: readonly string[]): Promise<number> {
  if (names.length === 0) return 0;
  const views = await loadViews(context);
  const tally = emptyTally();
  // All of them first: after a crash, none of those still missing may pass for deleted by the user.
  const wanted = names.flatMap((name) => views.get(name) ?? []);
  const claims = claimsOnDisk(context);
  const firstOf = (name: string): string | null => claims?.holder(name) ?? null;
  const all = wanted.filter((view) => firstOf(view.item.name) === null);
  const folded = wanted.flatMap((view) => {
    const first = firstOf(view.item.name);
    return first === null ? [] : [{ item: view.item, reason: `${FOLDED} ${JSON.stringify(first)}` }];
  });
  if (folded.length > 0) await context.workspace.notHere(folded);
  await context.workspace.intend(all.map((view) => ({ item: view.item, content: view.shown, shown: view.shown, local: view.local })));
  const forgotten: Item[] = [];
  for (let from = 0; from < all.length; from += BATCH) {
    const ready: ReadyPut[] = [];
    for (const view of all.slice(from, from + BATCH)) {
      if (view.shown === null) continue;
      try {
        const piece = await context.workspace.read(view.item, view.shown);
        const outstanding = { item: view.item, content: view.shown, shown: null, local: null };
        ready.push({ outstanding, stat: null, folderGivesWay: false, piece, way: 'write' });
      } catch (error) {
        if (!(error instanceof BodyUnavailable)) throw error;
        if (error.reason === 'erased' || error.reason === 'pruned') forgotten.push(view.item);
        else postpone(context, view.item.name, error.message);
      }
    }
    // A file that is back by itself is `changed` for the write: the scan that follows finds it.
    tally.written += await inTurn(context, ready, [], tally, (put) => putInPlace(context, put));
  }
  // Nothing is shown of what was forgotten meanwhile: what the space holds by now follows.
  await context.workspace.applied(forgotten.map((item) => ({ item, content: null, local: null })));
  return tally.written;
}
