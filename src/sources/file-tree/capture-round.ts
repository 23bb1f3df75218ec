import type { Item } from '../../core/item.ts';
import { sameStat, type FileStat } from '../../core/ports/files.ts';
import type { View } from '../../core/ports/store.ts';
import type { CaptureReport, Found } from '../../core/replica/workspace.ts';
import { judgeAbsences } from './absence.ts';
import type { TreeContext } from './context.ts';
import { inspectFile } from './inspect-file.ts';
import { removeEmptyFolders } from './remove-from-place.ts';
import type { ScanReport } from './reports.ts';
import { restoreShown } from './restore-shown.ts';
import { diskPath } from './tree-memory.ts';
import { scanRound, type Candidate, type TreeRound } from './tree-round.ts';
import { isBeingRemoved, isBeingRestored, loadViews, type ViewsByName } from './views-by-name.ts';

/** One `capture` takes at most so much at a time: bodies are in memory until it is durable. */
const BATCH_BYTES = 32 * 1024 * 1024;
const BATCH_ITEMS = 1_000;

export interface CaptureOptions {
  /** Paths in the disk's spelling, each with all below it; `null`: the whole tree, unsettled files read whole. */
  readonly paths: readonly string[] | null;
  readonly takeInterrupted?: boolean;
}

/** Finds what differs from the views and captures it. Never takes a missing root, or a mass of absences, for a wish. */
export async function captureRound(context: TreeContext, options: CaptureOptions): Promise<ScanReport> {
  const { memory, files } = context;
  memory.folding ??= files.scan({ enters: () => false }).root === null ? null : await files.folds();
  const views = await loadViews(context);
  const round = scanRound(context, options.paths, (name) => views.get(name));
  if (options.paths === null) await removeTemporaries(context, round);
  forgetScope(context, round);
  for (const [name, reason] of round.skipped) memory.skipped.set(name, reason);

  const gone = rootProblem(context, round, views);
  if (gone !== null) {
    memory.state = gone;
    return report(context, emptyCapture(), []);
  }

  for (const name of memory.confirmed) if (round.present.has(name)) memory.confirmed.delete(name);

  const changing: string[] = [];
  const batches = createBatches(context);
  for (const candidate of round.candidates) {
    const { name } = candidate.item;
    if (wasRefused(context, candidate)) continue;
    const inspection = await inspectFile(context, candidate.item, candidate.path, candidate.stat, views.get(name), {
      trustPrefix: options.paths !== null,
      takeInterrupted: options.takeInterrupted ?? false,
    });
    if (inspection.type === 'changing') changing.push(candidate.path);
    else if (inspection.type === 'skipped') memory.skipped.set(name, inspection.reason);
    else {
      if (inspection.torn) memory.torn.add(name);
      if (inspection.type === 'found') await batches.add(inspection.found, inspection.stat);
    }
  }
  for (const item of absences(context, round, views)) {
    await batches.add({ type: 'absent', item }, null);
    const view = views.get(item.name);
    // The end of an apply that was interrupted.
    if (view !== undefined && isBeingRemoved(view)) await removeEmptyFolders(context, diskPath(memory, item.name));
  }
  const captured = await batches.finish();
  await restoreShown(context, interruptedRestores(round, views));
  if (options.paths === null) memory.scannedOnce = true;
  if (options.paths === null || memory.root === null) memory.root = round.root;
  return report(context, captured, changing);
}

/** The root is missing, or is not the folder it was and holds nothing of what is shown. */
function rootProblem(context: TreeContext, round: TreeRound, views: ViewsByName): ScanReport['state'] | null {
  const shown = [...views.shown()];
  if (shown.length === 0) return null;
  if (shown.every((name) => context.memory.confirmed.has(name))) return null;
  if (round.root === null) return { type: 'root-missing', message: 'the folder is not there', names: shown };
  if (round.scope !== null) {
    if (context.memory.state.type === 'root-missing') return context.memory.state;
    return context.memory.root === null || round.root === context.memory.root
      ? null
      : { type: 'root-missing', message: 'another folder is in its place', names: shown };
  }
  if (shown.some((name) => round.present.has(name) || isUnseen(round, name))) return null;
  // Watched all the time, and the same folder: its last few files were removed by someone who meant it.
  const watched = context.memory.root === round.root && context.memory.scannedOnce;
  if (watched && context.memory.state.type !== 'root-missing' && shown.length <= context.limits.deletions) return null;
  return { type: 'root-missing', message: 'the folder is suddenly empty', names: shown };
}

function absences(context: TreeContext, round: TreeRound, views: ViewsByName): Item[] {
  const { memory, rules, limits, clock } = context;
  const held = memory.state.type === 'mass-deletion' ? new Set(memory.state.names) : new Set<string>();
  const gone: View[] = [];
  const stillHeld: string[] = [];
  for (const view of views.all()) {
    const { name } = view.item;
    if (view.shown === null || view.notHere !== null) continue;
    if (!inScope(round, name)) {
      if (held.has(name)) stillHeld.push(name);
    } else if (!round.present.has(name) && !isUnseen(round, name) && !isBeingRestored(view)) gone.push(view);
  }
  const now = clock.now();
  const recent = memory.deletions.filter(({ time }) => Math.abs(now - time) < limits.deletionsWindowMs);
  memory.deletions.splice(0, memory.deletions.length, ...recent);
  const deletable = gone.filter((view) => rules.deletable(view.item.kind) && !isBeingRemoved(view)).map((view) => view.item.name);
  const judged = judgeAbsences({
    absent: [...deletable, ...stillHeld],
    shown: views.deletable(),
    recent: recent.reduce((sum, { count }) => sum + count, 0),
    confirmed: memory.confirmed,
    held,
    limit: limits.deletions,
  });
  if (judged.hold.length > 0) {
    memory.state = { type: 'mass-deletion', message: `${judged.hold.length} files are gone at once`, names: judged.hold };
  } else if (memory.state.type !== 'disk-full') memory.state = { type: 'ok' };
  if (judged.take.length > 0) memory.deletions.push({ time: now, count: judged.take.length });
  for (const name of judged.take) memory.confirmed.delete(name);
  const hold = new Set(judged.hold);
  const answered = stillHeld.filter((name) => !hold.has(name)).flatMap((name) => views.get(name)?.item ?? []);
  return [...gone.map((view) => view.item).filter((item) => !hold.has(item.name)), ...answered];
}

/** Files that a restore did not come to write before the process died. */
function interruptedRestores(round: TreeRound, views: ViewsByName): string[] {
  const names = [...views.all()].filter(isBeingRestored).map((view) => view.item.name);
  return names.filter((name) => inScope(round, name) && !round.present.has(name) && !isUnseen(round, name));
}

interface Batches {
  add(found: Found, stat: FileStat | null): Promise<void>;
  finish(): Promise<CaptureReport>;
}

function createBatches(context: TreeContext): Batches {
  let batch: Found[] = [];
  let bytes = 0;
  let sum = emptyCapture();
  const stats = new Map<string, FileStat>();
  const send = async (): Promise<void> => {
    if (batch.length === 0) return;
    const made = await context.workspace.capture(batch, { message: describe(batch), writer: context.workspace.writer });
    for (const { item, reason } of made.refused) {
      const stat = stats.get(item.name);
      if (stat !== undefined) context.memory.refused.set(item.name, { stat, reason });
      context.memory.skipped.set(item.name, reason);
    }
    sum = {
      commits: sum.commits + made.commits,
      changes: sum.changes + made.changes,
      bytes: sum.bytes + made.bytes,
      conflicts: [...sum.conflicts, ...made.conflicts],
      refused: [...sum.refused, ...made.refused],
    };
    batch = [];
    bytes = 0;
  };
  return {
    async add(found, stat) {
      batch.push(found);
      if (stat !== null) stats.set(found.item.name, stat);
      bytes += found.type === 'body' ? found.body.length : found.type === 'tail' ? found.tail.length : 0;
      if (batch.length >= BATCH_ITEMS || bytes >= BATCH_BYTES) await send();
    },
    async finish() {
      await send();
      return sum;
    },
  };
}

function describe(batch: readonly Found[]): string {
  const changed = batch.filter((found) => found.type !== 'same');
  const [first] = changed;
  if (first === undefined) return 'Nothing changed';
  return changed.length === 1 ? first.item.name.slice(0, 200) : `${changed.length} files`;
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

function inScope(round: TreeRound, name: string): boolean {
  return round.scope === null || round.scope.some((path) => path === '' || name === path || name.startsWith(`${path}/`));
}

function isUnseen(round: TreeRound, name: string): boolean {
  return round.unseen.some((folder) => folder === '' || name.startsWith(`${folder}/`));
}

function emptyCapture(): CaptureReport {
  return { commits: 0, changes: 0, bytes: 0, conflicts: [], refused: [] };
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
