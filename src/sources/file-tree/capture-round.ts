import { sameStat, type TreeScan } from '../../core/ports/files.ts';
import type { CaptureReport } from '../../core/replica/workspace.ts';
import { emptyCapture } from '../capture/portions.ts';
import { createBatches, LARGE_BYTES } from './capture-batches.ts';
import type { TreeContext } from './context.ts';
import { inspectFile, type Inspection } from './inspect-file.ts';
import { absences, inScope, interruptedRestores, rootProblem } from './missing-from-tree.ts';
import { removeEmptyFolders } from './remove-from-place.ts';
import type { ScanReport } from './reports.ts';
import { restoreShown } from './restore-shown.ts';
import { diskPath } from './tree-memory.ts';
import { isAsSeen, keepSeen, lookOf } from './seen-tree.ts';
import { scanRound, scanWhole, type Candidate, type TreeRound } from './tree-round.ts';
import { isBeingRemoved, loadViews, type ViewsByName } from './views-by-name.ts';

export interface CaptureOptions {
  /** Paths in the disk's spelling, each with all below it; `null`: the whole tree, unsettled files read whole. */
  readonly paths: readonly string[] | null;
  readonly takeInterrupted?: boolean;
  /** Files that look as we put them there a moment ago may be read later: they are noted in `memory.unsettled`. */
  readonly mayWait?: boolean;
}

/** Fewer are as quickly read when it is their turn. */
const MANY_FILES = 64;
/** So many large files are in memory at a time. */
const LARGE_AT_ONCE = 2;
/** Larger files are read when it is their turn. */
const AHEAD_BYTES = 64 * 1024 * 1024;

/** Finds what differs from the views and captures it. Never takes a missing root, or a mass of absences, for a wish. */
export async function captureRound(context: TreeContext, options: CaptureOptions): Promise<ScanReport> {
  const { memory, files } = context;
  const whole = options.paths === null ? scanWhole(context) : null;
  const look = whole === null ? null : lookOf(context, whole);
  if (whole !== null && (await isAsSeen(context, look))) return nothingNew(context, whole);
  memory.folding ??= (whole ?? files.scan({ enters: () => false })).root === null ? null : await files.folds();
  const viewWrites = context.seen?.writes() ?? 0;
  let views = await loadViews(context, namesToLoad(context, options.paths));
  const round = scanRound(context, whole === null ? { paths: options.paths ?? [] } : { whole }, (name) => views.get(name));
  if (round.scope !== null && looksDrastic(context, round, views)) views = await loadViews(context);
  if (options.paths === null) {
    memory.unsettled.clear();
    await removeTemporaries(context, round);
  }
  forgetScope(context, round);
  for (const [name, reason] of round.skipped) memory.skipped.set(name, reason);

  const gone = rootProblem(context, round, views);
  if (gone !== null) {
    memory.state = gone;
    return report(context, emptyCapture(), []);
  }

  for (const name of memory.confirmed) if (round.present.has(name)) memory.confirmed.delete(name);

  const changing: string[] = [];
  let isSettled = true;
  let found = 0;
  const batches = createBatches(context);
  const inspect = async (candidate: Candidate): Promise<void> => {
    const { name } = candidate.item;
    if (wasRefused(context, candidate)) return; // and is skipped
    const inspection = await inspectFile(context, candidate.item, candidate.path, candidate.stat, views.get(name), {
      trustPrefix: options.paths !== null,
      mayWait: options.mayWait ?? false,
      takeInterrupted: options.takeInterrupted ?? false,
    });
    memory.unsettled.delete(candidate.path);
    isSettled &&= staysSo(inspection, candidate);
    if (inspection.type === 'unsettled') memory.unsettled.set(candidate.path, context.clock.now() + context.limits.racyMs);
    else if (inspection.type === 'changing') changing.push(candidate.path);
    else if (inspection.type === 'skipped') memory.skipped.set(name, inspection.reason);
    else {
      if (inspection.torn) memory.torn.add(name);
      if (inspection.type === 'found') {
        found += 1;
        const isNew = (views.get(name)?.shown ?? null) === null;
        if (isLarge(candidate)) await batches.addLarge(inspection.found, inspection.stat, isNew);
        else await batches.add(inspection.found, inspection.stat);
      }
    }
  };
  readAhead(context, round.candidates, views);
  // What is large takes other threads long, and this one goes on with the rest meanwhile.
  await inStreams(inspect, [
    { each: round.candidates.filter(isLarge), atOnce: LARGE_AT_ONCE },
    { each: round.candidates.filter((candidate) => !isLarge(candidate)), atOnce: 1, onEnd: () => batches.smallEnded() },
  ]);
  files.readAhead?.([]);
  const absent = absences(context, round, views);
  for (const item of absent) {
    await batches.add({ type: 'absent', item }, null);
    const view = views.get(item.name);
    // The end of an apply that was interrupted.
    if (view !== undefined && isBeingRemoved(view)) await removeEmptyFolders(context, diskPath(memory, item.name));
  }
  const captured = await batches.finish();
  for (const { item, again } of captured.refused) if (again === true) changing.push(diskPath(memory, item.name));
  const interrupted = interruptedRestores(round, views);
  await restoreShown(context, interrupted);
  if (options.paths === null) memory.scannedOnce = true;
  if (options.paths === null || memory.root === null) memory.root = round.root;
  const isDone = absent.length + interrupted.length === 0 && captured.refused.length === 0 && captured.noted === found;
  if (isSettled && isDone) await keepSeen(context, look, viewWrites);
  return report(context, captured, changing);
}

/** Once what was found is captured, nothing of the file is new while it looks as it did to the round. */
function staysSo(inspection: Inspection, { stat }: Candidate): boolean {
  if (inspection.type === 'found') return inspection.settled && sameStat(inspection.stat, stat);
  return inspection.type === 'clean' && inspection.settled;
}

function isLarge({ stat }: Candidate): boolean {
  return stat.size >= LARGE_BYTES;
}

/**
 * Each stream in its order, all streams at the same time. Throws the first problem, when nothing works on the others any
 * more.
 */
async function inStreams<T>(
  work: (each: T) => Promise<void>,
  streams: readonly { each: readonly T[]; atOnce: number; onEnd?: () => void }[],
): Promise<void> {
  let failed = false;
  const workThrough = async (queue: Iterable<T>): Promise<void> => {
    for (const each of queue) {
      if (failed) return;
      await work(each).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const workers = streams.map(async ({ each, atOnce, onEnd }) => {
    const queue = each.values();
    const outcomes = await Promise.allSettled(Array.from({ length: atOnce }, () => workThrough(queue)));
    onEnd?.();
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  });
  for (const outcome of await Promise.allSettled(workers)) if (outcome.status === 'rejected') throw outcome.reason;
}

/** What is new here is read, and by others where it is much. */
function readAhead({ files }: TreeContext, candidates: readonly Candidate[], views: ViewsByName): void {
  if (candidates.length < MANY_FILES) return;
  const isNew = ({ item, stat }: Candidate): boolean =>
    stat.type === 'file' && stat.size <= AHEAD_BYTES && (views.get(item.name)?.shown ?? null) === null;
  const found = candidates.filter(isNew).map(({ path, stat }) => ({ path, size: stat.size }));
  if (found.length >= MANY_FILES) files.readAhead?.(found);
}

/** What a round ends with that finds the tree as it was when all of it was what the views show. */
function nothingNew(context: TreeContext, { root }: TreeScan): ScanReport {
  const { memory } = context;
  memory.unsettled.clear();
  memory.torn.clear();
  memory.confirmed.clear();
  if (memory.state.type !== 'disk-full') memory.state = { type: 'ok' };
  memory.scannedOnce = true;
  memory.root = root;
  return report(context, emptyCapture(), []);
}

/** A look at a few paths needs their views alone, where nothing waits for an answer. */
function namesToLoad({ memory }: TreeContext, paths: readonly string[] | null): readonly string[] | null {
  if (paths === null || memory.state.type === 'root-missing' || memory.state.type === 'mass-deletion') return null;
  const names = paths.map((path) => path.normalize('NFC'));
  return names.includes('') ? null : names;
}

/** The folder is another, or so much is gone that it is to be judged against all that is shown. */
function looksDrastic({ memory, limits }: TreeContext, round: TreeRound, views: ViewsByName): boolean {
  if (round.root === null || round.root !== memory.root) return true;
  const absent = [...views.shown()].filter((name) => !round.present.has(name)).length;
  return absent + memory.deletions.reduce((sum, { count }) => sum + count, 0) > limits.deletions;
}

async function removeTemporaries(context: TreeContext, round: TreeRound): Promise<void> {
  for (const { path, stat } of round.temporaries) {
    const removed = stat.type === 'folder' ? await context.files.removeFolder(path) : await context.files.remove(path, stat);
    if (!removed.ok) context.log.warn({ path, problem: removed.error.type }, 'an unfinished write could not be removed');
  }
}

/** What was known of the looked-at paths is found out anew. */
function forgetScope(context: TreeContext, round: TreeRound): void {
  const { memory } = context;
  for (const names of [memory.skipped, memory.torn]) {
    for (const name of names.keys()) if (inScope(round, name) && !round.skipped.has(name)) names.delete(name);
  }
}

function wasRefused(context: TreeContext, { item, stat }: Candidate): boolean {
  const refused = context.memory.refused.get(item.name);
  if (refused === undefined) return false;
  if (!sameStat(refused.stat, stat)) return !context.memory.refused.delete(item.name);
  context.memory.skipped.set(item.name, refused.reason);
  return true;
}

function report(context: TreeContext, captured: CaptureReport, changing: readonly string[]): ScanReport {
  const { memory } = context;
  return {
    state: memory.state,
    commits: captured.commits,
    changes: captured.changes,
    bytes: captured.bytes,
    conflicts: captured.conflicts,
    skipped: [...memory.skipped].map(([name, reason]) => ({ name, reason })),
    torn: [...memory.torn],
    changing,
  };
}
