import type { Outstanding } from '../../core/replica/workspace.ts';
import { captureRound } from './capture-round.ts';
import type { TreeContext } from './context.ts';
import { emptyTally, FULL, inTurn, type Tally } from './in-turn.ts';
import { localState, type LocalState } from './local-state.ts';
import { claimsOnDisk, planApply } from './plan-apply.ts';
import { declareNotHere, putLanes } from './put-lanes.ts';
import { createPutSupply, isPut } from './put-supply.ts';
import type { PutOutstanding } from './ready-puts.ts';
import { releaseFolded } from './release-folded.ts';
import { removeFromPlace } from './remove-from-place.ts';
import type { ApplyReport, NamedReason } from './reports.ts';
import { nextRetry, postpone } from './retries.ts';
import { diskPath } from './tree-memory.ts';

const ROUNDS = 4;

/**
 * Puts everything outstanding in place that can be. What changed here meanwhile is captured first, and looked at
 * again; what cannot be written now waits, and holds up nothing else.
 */
export async function applyRound(context: TreeContext): Promise<ApplyReport> {
  const tally = emptyTally();
  let waiting: readonly NamedReason[] = [];
  for (let round = 0; round < ROUNDS && context.memory.state.type !== 'root-missing'; round += 1) {
    const claims = claimsOnDisk(context);
    if (claims !== null) await releaseFolded(context, claims);
    const plan = await planApply(context, claims);
    waiting = plan.waiting;
    if (plan.notHere.length > 0) await declareNotHere(context, plan.notHere, tally);
    if (plan.due.length === 0) break;

    const outdated = await putAll(context, plan.due, claims === null, tally);
    if (outdated.length === 0 || tally.full) break;
    const paths = outdated.map(({ item }) => diskPath(context.memory, item.name));
    await captureRound(context, { paths, takeInterrupted: true });
    for (const { item } of outdated) {
      if (round === ROUNDS - 1 || !isTaken(context, item.name)) postpone(context, item.name, whyNotCaptured(context, item.name));
    }
  }
  noteFullDisk(context, tally);
  const listed = new Set(waiting.map(({ name }) => name));
  const failed = [...context.memory.retries].filter(([name]) => !listed.has(name)).map(([name, { reason }]) => ({ name, reason }));
  const { written, removed, notHere } = tally;
  return { written, removed, notHere, state: context.memory.state, waiting: [...waiting, ...failed], retryInMs: nextRetry(context) };
}

function noteFullDisk({ memory }: TreeContext, { full, written }: Tally): void {
  if (full) memory.state = { type: 'disk-full', message: FULL.error.message };
  else if (memory.state.type === 'disk-full' && (written > 0 || memory.retries.size === 0)) memory.state = { type: 'ok' };
}

/** Removals first, so that a folder can take a file's place and the reverse. Returns what must be captured first. */
async function putAll(context: TreeContext, due: readonly Outstanding[], mayLook: boolean, tally: Tally): Promise<Outstanding[]> {
  const outdated: Outstanding[] = [];
  const removals: { outstanding: Outstanding; state: LocalState }[] = [];
  const puts: PutOutstanding[] = [];
  for (const outstanding of due) {
    if (isPut(outstanding)) puts.push(outstanding);
    else removals.push({ outstanding, state: await localState(context, outstanding) });
  }
  const removable = removals.filter(({ state }) => state.type === 'as-shown' || state.type === 'gone');
  for (const { outstanding, state } of removals) {
    if (state.type === 'differs') outdated.push(outstanding);
    if (state.type === 'blocked') postpone(context, outstanding.item.name, state.reason);
  }
  tally.removed += await inTurn(context, removable, outdated, tally, ({ outstanding, state }) =>
    removeFromPlace(context, outstanding, state),
  );

  // On a disk that folds names the next apply looks first which of them are free.
  await putLanes(context, createPutSupply(context, puts, mayLook), outdated, tally);
  return outdated;
}

function isTaken(context: TreeContext, name: string): boolean {
  const { skipped, torn, state } = context.memory;
  return !skipped.has(name) && !torn.has(name) && !(state.type === 'mass-deletion' && state.names.includes(name));
}

function whyNotCaptured(context: TreeContext, name: string): string {
  const { skipped, torn } = context.memory;
  if (torn.has(name)) return 'the last line of the file here is still being written';
  const reason = skipped.get(name);
  return reason === undefined ? 'the file here keeps changing' : `the file here ${reason}`;
}
