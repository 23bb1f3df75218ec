import type { CommitId, CommitKey, MachineId, RecordHash, SpaceId } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import { keyOf } from '../log/carried.ts';
import { itemsJudged, judgeCommit } from '../log/rule.ts';
import type { Clock } from '../ports/clock.ts';
import type { ItemState, StoreTransaction } from '../ports/store.ts';
import type { DroppedObjects } from './dropped-objects.ts';
import { carriers, landedBefore, landedWhole } from './landings.ts';
import { noteSeen } from './prune-seen.ts';
import { withoutNames, type Step } from './read-step.ts';

/** How far the state follows the log. */
export interface Cursor {
  readonly position: number;
  readonly hash: RecordHash;
}

/** What one run of a batch's transaction did: it counts once that is through, since a run may be lost and run again. */
export interface BatchRun {
  readonly cursor: Cursor;
  /** Items that changed, by `itemKey`. */
  readonly touched: Map<string, Item>;
  /** What they are now, by `itemKey`. */
  readonly states: Map<string, ItemState>;
  /** Own drafts that are in the log now, and are removed. */
  readonly landed: CommitId[];
  /** Of these, how many were replayed as they had just been made here. */
  made: number;
  /** Valid commits, carried ones included. */
  readonly replayed: Set<CommitKey>;
  readonly voids: { position: number; reason: string; named: string }[];
  /** Take in what the log says of dropped objects. */
  readonly settles: (() => void)[];
}

interface ApplyDeps {
  readonly space: SpaceId;
  readonly machine: MachineId;
  readonly dropped: DroppedObjects;
  readonly clock: Clock;
  /** What items were before the batch; `null`: they are to be looked up. */
  readonly known: (items: readonly Item[]) => ReadonlyMap<string, ItemState> | null;
}

/**
 * The next records of the log take effect on the state, each by the rule, and the cursor stands behind them: all of that in one
 * transaction. Cost: O(their changes).
 */
export async function applySteps(tx: StoreTransaction, steps: readonly Step[], deps: ApplyDeps): Promise<BatchRun> {
  const { space, clock } = deps;
  const last = (steps.at(-1) as Step).record;
  const cursor: Cursor = { position: last.header.position, hash: last.hash };
  const run: BatchRun = { cursor, touched: new Map(), states: new Map(), landed: [], made: 0, replayed: new Set(), voids: [], settles: [] };
  const own = new Map<CommitId, number>();
  for (const step of steps) {
    const reason = step.type === 'commit' ? await applyCommit(tx, step, deps, run, own) : step.type === 'void' ? step.reason : null;
    if (reason === null) continue;
    const { position, signer } = step.record.header;
    run.voids.push({ position, reason, named: withoutNames(step, reason) });
    await tx.documents.put(`voids/${space}`, String(position), { reason, signer });
  }
  await tx.documents.put('cursors', space, cursor);
  await noteSeen(tx, space, cursor.position, clock.now());
  run.landed.push(...(await landedWhole(tx, space, own)));
  await tx.drafts.remove(space, run.landed);
  return run;
}

/** Why the commit is void; `null` once it took effect. `own`: takes those of ours that were not just made here. */
async function applyCommit(
  tx: StoreTransaction,
  step: Extract<Step, { type: 'commit' }>,
  { space, machine, dropped, known }: ApplyDeps,
  run: BatchRun,
  own: Map<CommitId, number>,
): Promise<string | null> {
  const { commit, record, carried } = step;
  const { position, signer } = record.header;
  const key = keyOf(record);
  const used = await landedBefore(tx, space, [key, ...carried], position);
  const siblings = commit.changes.some((c) => c.type === 'resolve') ? await tx.items.siblings(space) : [];
  const asked = itemsJudged(commit);
  const items = (run.states.size === 0 ? known(asked) : null) ?? (await tx.items.get(space, asked));
  const judged = judgeCommit(commit, { key, carried }, position, { items, siblings, isUsed: (other) => used.has(other) });
  if (!judged.ok) return judged.error;
  const effects = judged.value;
  await tx.items.put(space, effects.items);
  for (const state of effects.items) run.states.set(itemKey(state.item), state);
  await tx.items.addHistory(space, effects.history);
  if (effects.siblingsAdded.length > 0) await tx.items.addSiblings(space, effects.siblingsAdded);
  for (const sibling of effects.siblingsRemoved) await tx.items.removeSiblings(space, sibling.item, [sibling.sibling]);
  for (const other of carried) await tx.documents.put(`carried/${space}`, other, { position });
  if (carried.length > 0) await tx.documents.put(carriers(space), String(position), {});
  run.settles.push(await dropped.noteReturned(tx, record));
  for (const change of commit.changes) run.touched.set(itemKey(change.item), change.item);
  // Another's record of the same id says nothing of a draft that was made here.
  if (signer === machine) {
    if (step.isKnown) {
      run.landed.push(commit.id);
      run.made += 1;
    } else own.set(commit.id, position);
  }
  for (const other of [key, ...carried]) run.replayed.add(other);
  return null;
}
