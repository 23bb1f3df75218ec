import type { Clock } from '../../core/ports/clock.ts';
import type { FileTree, TreeWatch } from '../../core/ports/files.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import type { Workspace } from '../../core/replica/workspace.ts';
import { applyRound } from './apply-round.ts';
import { captureRound } from './capture-round.ts';
import type { TreeContext, TreeLog } from './context.ts';
import type { ApplyReport, NamedReason, ScanReport, SourceState, Skipped } from './reports.ts';
import { restoreShown } from './restore-shown.ts';
import { hasten, nextRetry } from './retries.ts';
import { TREE_LIMITS, type TreeLimits, type TreeRules } from './rules.ts';
import type { SeenTree } from './seen-tree.ts';
import { createTreeMemory } from './tree-memory.ts';
import { createChangeQueue, type ChangeQueue } from './watch-loop.ts';

export interface FileTreeSourceDeps {
  readonly files: FileTree;
  readonly workspace: Workspace;
  readonly rules: TreeRules;
  readonly clock: Clock;
  readonly log: TreeLog;
  readonly limits?: Partial<TreeLimits>;
  /** Only where the views change by nothing but what the source itself reports to the workspace. */
  readonly seen?: SeenTree;
}

/** A folder tree as items of a space. Its rounds never overlap: each waits for the one before. */
export interface FileTreeSource {
  /** Captures what changed: in the whole tree, or at and under some paths. The first scan is always of the whole. */
  scan(paths?: readonly string[]): Promise<ScanReport>;
  /**
   * Captures what was written before the call: what a sound watcher told of, if the source is watched; else everything.
   * Cost: what changed, or a scan.
   */
  catchUp(): Promise<void>;
  /** Puts in place what others wrote. Captures the whole tree first, where that was never done. */
  apply(): Promise<ApplyReport>;
  /**
   * Captures what changes until the signal aborts: at once everything, then changed paths, and everything again
   * after a watcher's overflow and every few minutes. Retries what could not be applied. Reports each round.
   */
  watch(onRound: (round: WatchRound) => void, signal: AbortSignal): Promise<void>;
  state(): SourceState;
  /** What exists and is not carried although its name would be, as it was when it was last looked at. */
  skipped(): readonly Skipped[];
  /** What others wrote and could not be put in place yet, as of the last try. */
  waiting(): readonly NamedReason[];
  /** The next apply tries what waits for a body, though it was tried just now. */
  hasten(): void;
  /**
   * Answers `mass-deletion` or `root-missing` for exactly the names in that state: they are deleted everywhere, or
   * written here again at once.
   */
  answerDeletions(answer: 'delete' | 'restore'): Promise<ScanReport>;
  /** Captures everything again that the workspace refused, though it did not change since. */
  offerAgain(): Promise<ScanReport>;
}

export type WatchRound = { readonly type: 'scan'; readonly report: ScanReport } | { readonly type: 'apply'; readonly report: ApplyReport };

export function createFileTreeSource(deps: FileTreeSourceDeps): FileTreeSource {
  const memory = createTreeMemory();
  const limits: TreeLimits = { ...TREE_LIMITS, ...deps.limits };
  const context: TreeContext = { ...deps, limits, memory };
  const turns = new Mutex();

  const capture = async (paths: readonly string[] | null, mayWait = false): Promise<ScanReport> => {
    const whole = paths === null || !memory.scannedOnce || memory.state.type === 'root-missing';
    if (!whole) forgetRetries(context, paths);
    const before = memory.state.type;
    const report = await captureRound(context, { paths: whole ? null : paths, mayWait: mayWait && !whole });
    if (report.state.type !== before) context.log.info({ state: report.state.type }, 'the state of the source changed');
    return report;
  };

  const mayRetryIn = (): number | null => (memory.state.type === 'root-missing' ? null : nextRetry(context));

  /** Milliseconds until a file that was just written is to be read again; `null`: none is. */
  const untilSettled = (): number | null => {
    if (memory.unsettled.size === 0) return null;
    const [first] = memory.unsettled.values(); // in the order in which they come due
    return Math.min(limits.racyMs, Math.max(0, (first ?? 0) - deps.clock.now()));
  };

  const settled = (): string[] => {
    const now = deps.clock.now();
    return [...memory.unsettled].filter(([, due]) => due <= now || due - now > limits.racyMs).map(([path]) => path);
  };

  let watched: { readonly queue: ChangeQueue; readonly watcher: TreeWatch } | null = null;
  let again: readonly string[] = [];

  /** What the watcher told of up to now; `null`: look at everything. */
  const changedPaths = async (): Promise<readonly string[] | null> => {
    if (watched === null || watched.watcher.problem() !== null || memory.state.type !== 'ok') return null;
    const { queue, watcher } = watched;
    if (!(await watcher.settle())) return null;
    const { paths } = queue.take();
    return paths === null ? null : [...new Set([...paths, ...again])];
  };

  const source: FileTreeSource = {
    async catchUp() {
      const paths = await changedPaths();
      if (paths?.length !== 0) {
        try {
          again = (await turns.run(() => capture(paths, true))).changing;
        } catch (error) {
          watched?.queue.push({ type: 'all' });
          throw error;
        }
      } else await turns.run(() => Promise.resolve()); // a round that took the changes before us may still capture them
    },
    scan: (paths) => turns.run(() => capture(paths ?? null)),
    apply: () =>
      turns.run(async () => {
        if (!memory.scannedOnce || memory.state.type === 'root-missing') await capture(null);
        const report = await applyRound(context);
        // Whoever watches may sleep for much longer than until the next try.
        if (report.retryInMs !== null) watched?.queue.wake();
        return report;
      }),
    async watch(onRound, signal) {
      const queue = createChangeQueue(deps.clock, limits);
      const enters = (folder: string): boolean => deps.rules.enters?.(folder.normalize('NFC')) !== false;
      const round = async (paths: readonly string[] | null): Promise<void> => {
        const followed = memory.followed.size;
        const report = await turns.run(() => capture(paths, true));
        if (memory.followed.size > followed) watcher.refresh();
        again = report.changing;
        onRound({ type: 'scan', report });
      };
      // Much of what happens in a folder is none of ours: it wakes nobody.
      const concerns = (path: string): boolean => path === '' || enters(path) || deps.rules.classify(path.normalize('NFC')) !== null;
      const watcher = deps.files.watch(
        (change) => {
          const paths = change.type === 'all' ? null : change.paths.filter(concerns);
          if (paths === null) queue.push(change);
          else if (paths.length > 0) queue.push({ type: 'paths', paths });
        },
        { enters },
      );
      try {
        await round(null);
        watcher.refresh();
        watched = { queue, watcher };
        let scannedAt = deps.clock.now();
        while (!signal.aborted) {
          const anxious = watcher.problem() !== null || memory.state.type === 'root-missing';
          const rescanMs = anxious ? limits.anxiousRescanMs : limits.rescanMs;
          const retryMs = again.length > 0 ? limits.busyMs : Math.max(limits.retryMs, mayRetryIn() ?? rescanMs);
          const next = await queue.next(Math.min(rescanMs, retryMs, Math.max(limits.quietMs, untilSettled() ?? rescanMs)), signal);
          if (signal.aborted) break;
          const due = Math.abs(deps.clock.now() - scannedAt) >= rescanMs;
          if (due || (next !== 'idle' && next.paths === null)) {
            await round(null);
            watcher.refresh();
            scannedAt = deps.clock.now();
          } else if (next !== 'idle') await round([...new Set([...(next.paths ?? []), ...again])]);
          else if (again.length > 0 || untilSettled() === 0) await round([...new Set([...again, ...settled()])]);
          if (mayRetryIn() === 0) onRound({ type: 'apply', report: await source.apply() });
        }
      } finally {
        watched = null;
        watcher.close();
      }
    },
    state: () => memory.state,
    skipped: () => [...memory.skipped].map(([name, reason]) => ({ name, reason, stays: memory.refused.get(name)?.unfit === false })),
    waiting: () => [...memory.retries].map(([name, { reason, lacksBody }]) => ({ name, reason, lacksBody })),
    hasten: () => hasten(context),
    offerAgain: () =>
      turns.run(() => {
        memory.refused.clear();
        return capture(null);
      }),
    answerDeletions: (answer) =>
      turns.run(async () => {
        const { state } = memory;
        if (state.type !== 'mass-deletion' && state.type !== 'root-missing') return capture(null);
        if (answer === 'delete') for (const name of state.names) memory.confirmed.add(name);
        else {
          await restoreShown(context, state.names);
          memory.state = { type: 'ok' };
        }
        return capture(null);
      }),
  };
  return source;
}

function forgetRetries(context: TreeContext, paths: readonly string[]): void {
  for (const path of paths) context.memory.retries.delete(path.normalize('NFC'));
}
