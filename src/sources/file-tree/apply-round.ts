import type { Content } from '../../core/content.ts';
import { BodyUnavailable, type Outstanding } from '../../core/replica/workspace.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { captureRound } from './capture-round.ts';
import type { TreeContext } from './context.ts';
import { emptyTally, FULL, inTurn, type Tally } from './in-turn.ts';
import { localState, type LocalState } from './local-state.ts';
import { claimsOnDisk, planApply } from './plan-apply.ts';
import { putInPlace, type ReadyPut } from './put-in-place.ts';
import { readyPut, type PutOutstanding } from './ready-puts.ts';
import { releaseFolded } from './release-folded.ts';
import { removeFromPlace } from './remove-from-place.ts';
import type { ApplyReport, NamedReason } from './reports.ts';
import { nextRetry, postpone } from './retries.ts';
import { diskPath } from './tree-memory.ts';

const ROUNDS = 4;
/** Of small files and of large ones, the bodies of two batches are in memory at the same time, and what is fetched for a third. */
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_ITEMS = 500;
const LARGE_BYTES = 1024 * 1024;

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

    const outdated = await putAll(context, plan.due, tally);
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
async function putAll(context: TreeContext, due: readonly Outstanding[], tally: Tally): Promise<Outstanding[]> {
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

  // What is large takes long to fetch, and the rest does not wait for it.
  const isLarge = ({ content }: PutOutstanding): boolean => content.size >= LARGE_BYTES;
  const streams = [puts.filter((put) => !isLarge(put)), puts.filter(isLarge)];
  const outcomes = await Promise.allSettled(streams.map((stream) => putBatches(context, [...batchesOf(stream)], outdated, tally)));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return outdated;
}

/** While one batch is written the next is made ready, and the bodies of the one after it are on their way. */
async function putBatches(
  context: TreeContext,
  batches: readonly (readonly PutOutstanding[])[],
  outdated: Outstanding[],
  tally: Tally,
): Promise<void> {
  let writing: Promise<Result<null, unknown>> = Promise.resolve(ok(null));
  let coming = prefetch(context, batches[0] ?? []);
  try {
    for (const [index, batch] of batches.entries()) {
      const arrived = await coming;
      if (!arrived.ok) throw arrived.error;
      coming = prefetch(context, batches[index + 1] ?? []);
      const ready = await makeReady(context, batch, outdated, tally);
      const written = await writing;
      if (!written.ok) throw written.error;
      writing = settled(putReady(context, ready, outdated, tally));
    }
  } finally {
    await Promise.all([writing, coming]);
  }
  const last = await writing;
  if (!last.ok) throw last.error;
}

async function makeReady(
  context: TreeContext,
  batch: readonly PutOutstanding[],
  outdated: Outstanding[],
  tally: Tally,
): Promise<ReadyPut[]> {
  const ready: ReadyPut[] = [];
  for (const outstanding of batch) {
    const put = await readyPut(context, outstanding, await localState(context, outstanding));
    if (put.ok) ready.push(put.value);
    else if (put.error.type === 'capture-first') outdated.push(outstanding);
    else if (put.error.type === 'wait') postpone(context, outstanding.item.name, put.error.reason);
    else await declareNotHere(context, [{ outstanding, reason: put.error.reason }], tally);
  }
  return ready;
}

async function putReady(context: TreeContext, ready: readonly ReadyPut[], outdated: Outstanding[], tally: Tally): Promise<void> {
  if (tally.full) {
    for (const { outstanding } of ready) postpone(context, outstanding.item.name, FULL.error.message);
    return;
  }
  await makeFolders(context, ready);
  tally.written += await inTurn(context, ready, outdated, tally, (put) => putInPlace(context, put));
}

/** Never rejects: it is waited for later. */
function settled(work: Promise<void>): Promise<Result<null, unknown>> {
  return work.then(
    () => ok(null),
    (error: unknown) => fail(error),
  );
}

/** Of what is new. A problem shows again where the file is written, which says it. */
async function makeFolders({ files, memory }: TreeContext, ready: readonly ReadyPut[]): Promise<void> {
  const paths = ready.flatMap(({ stat, outstanding }) => (stat === null ? [diskPath(memory, outstanding.item.name)] : []));
  const folders = new Set(paths.map((path) => path.slice(0, Math.max(0, path.lastIndexOf('/')))));
  for (const folder of folders) if (folder !== '') await files.makeFolder(folder);
}

/** Never rejects: it is waited for later. */
async function prefetch(context: TreeContext, batch: readonly PutOutstanding[]): Promise<Result<null, unknown>> {
  try {
    if (batch.length > 0) await context.workspace.prefetch(batch.map(({ content }) => content));
    return ok(null);
  } catch (error) {
    // Those that are there are put in place all the same; each missing one gets its own reason when it is read.
    return error instanceof BodyUnavailable ? ok(null) : fail(error);
  }
}

async function declareNotHere(
  context: TreeContext,
  items: readonly { readonly outstanding: Outstanding; readonly reason: string }[],
  tally: Tally,
): Promise<void> {
  await context.workspace.notHere(items.map(({ outstanding, reason }) => ({ item: outstanding.item, reason })));
  for (const { outstanding, reason } of items) tally.notHere.push({ name: outstanding.item.name, reason });
}

function* batchesOf(puts: readonly PutOutstanding[]): Generator<PutOutstanding[]> {
  let batch: PutOutstanding[] = [];
  let bytes = 0;
  for (const put of puts) {
    if (batch.length > 0 && (batch.length >= BATCH_ITEMS || bytes + put.content.size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(put);
    bytes += put.content.size;
  }
  if (batch.length > 0) yield batch;
}

function isPut(outstanding: Outstanding): outstanding is Outstanding & { readonly content: Content } {
  return outstanding.content !== null;
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
