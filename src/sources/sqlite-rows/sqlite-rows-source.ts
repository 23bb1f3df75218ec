import type { Clock } from '../../core/ports/clock.ts';
import type { TreeChange } from '../../core/ports/files.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import type { Workspace } from '../../core/replica/workspace.ts';
import type { ApplyReport, NamedReason, ScanReport, SourceState } from '../file-tree/reports.ts';
import { createChangeQueue } from '../file-tree/watch-loop.ts';
import { applyRound } from './apply-round.ts';
import { captureRound, skippedRows } from './capture-round.ts';
import { createRowsMemory, forgetIndex, ROWS_LIMITS, type RowsContext, type RowsLimits, type RowsLog } from './context.ts';
import { putStateBack, sendState } from './answer-state.ts';
import { noteOfFile } from './file-note.ts';
import type { RowPast } from './row-past.ts';
import type { RowScope } from './row-scope.ts';
import type { RowsProfile } from './profile.ts';
import { createRowDatabase, type IsHeld } from './row-database.ts';
import type { ReaderStart, RowReader } from './row-reader.ts';
import type { RowWriter, WriterStart } from './row-writer.ts';

export interface SqliteRowsDeps {
  /** The database, which need not be there. */
  readonly file: string;
  readonly profile: RowsProfile;
  readonly workspace: Workspace;
  readonly clock: Clock;
  readonly log: RowsLog;
  /** Tells of changes in the folder of the file, until closed; without it the database is asked now and then. */
  readonly watch?: (onChange: (change: TreeChange) => void) => { close(): void };
  readonly limits?: Partial<RowsLimits>;
  /** Why what stands there must not be opened, as opening alone would do harm; asked each time before. */
  readonly mayNotOpen?: (file: string) => string | null;
  /** What tells an older state by what its rows say, and remembers that it was asked about. */
  readonly past?: RowPast;
  /** `false`: what another state says is captured as it is found. */
  readonly isJudged?: boolean;
  /** Whether another process has these very files of it open. */
  readonly isHeldByOthers?: IsHeld;
  /** Where the database is shared among several spaces. */
  readonly scope?: RowScope;
  /** Of an item to which guarded rows refer here: whether such rows do in the space. Where not, they are to go, and it waits for that. */
  readonly isReferredTo?: (name: string) => Promise<boolean>;
  /** Before the views are first read, and again after an error: moves on those of rows that another way wrote meanwhile. Safe to repeat. */
  readonly moveOn?: (workspace: Workspace) => Promise<void>;
  /** Of all sources of one database: what one of them writes, another must not find half known. */
  readonly turns?: Mutex;
  /** Begins to write elsewhere, where there is much to write; here where it is left out, or answers `null`. */
  readonly beside?: (start: WriterStart) => Promise<RowWriter | null>;
  /** Begins to read elsewhere, where there is much to read; the same. */
  readonly readBeside?: (start: ReaderStart) => Promise<RowReader | null>;
}

/** Rows of another program's database as items of a space. Its rounds never overlap: each waits for the one before. */
export interface SqliteRowsSource {
  /** Compares every row. Cost: O(bytes of the database). */
  scan(): Promise<ScanReport>;
  /** Captures what was committed before the call. Cost: microseconds where nothing was, else a scan. */
  catchUp(): Promise<void>;
  apply(): Promise<ApplyReport>;
  /** Captures what changes until the signal aborts; retries what could not be applied. Reports each round. */
  watch(onRound: (round: RowsRound) => void, signal: AbortSignal): Promise<void>;
  state(): SourceState;
  /** What is wrong with the database although its rows are carried; `null`: nothing. Cost: two stats. */
  trouble(): string | null;
  /** Rows that stand there and are not carried, as far as was looked. */
  skipped(): readonly NamedReason[];
  /** Items that cannot be put in place now. They are tried again. */
  waiting(): readonly NamedReason[];
  /**
   * Answers `mass-deletion`, `root-missing` or `older-state` for exactly the names in that state. `delete`: what stands here counts; `restore`: what
   * the space has does, and is written here.
   */
  answerDeletions(answer: 'delete' | 'restore'): Promise<ScanReport>;
  /** Captures everything again that the workspace refused, though it did not change since. */
  offerAgain(): Promise<ScanReport>;
  /** Closes the database where its files were replaced while it was open: whoever looks into it by this process sees what stands there. `anyway`: also where nothing says that they were. Cheap. */
  letGo(anyway?: boolean): Promise<void>;
  /** Gives back memory that only saves work. Cheap. */
  shrink(): void;
  close(): Promise<void>;
}

export type RowsRound = { readonly type: 'scan'; readonly report: ScanReport } | { readonly type: 'apply'; readonly report: ApplyReport };

const APART =
  'the program that writes the database goes on with a write-ahead log, or a memory of it, that was deleted, moved or replaced: start it again (satchel claude-mem repair open-file)';

/** Rounds for rows whose parents came while they were read. */
const MORE_ROUNDS = 3;

export function createSqliteRowsSource(deps: SqliteRowsDeps): SqliteRowsSource {
  const memory = createRowsMemory();
  const limits: RowsLimits = { ...ROWS_LIMITS, ...deps.limits };
  const database = createRowDatabase(deps.file, deps.profile, deps.clock, deps);
  const context: RowsContext = { ...deps, limits, memory, database, scope: deps.scope ?? null };
  const turns = deps.turns ?? new Mutex();

  const round = <T>(work: () => Promise<T>): Promise<T> =>
    turns.run(async () => {
      try {
        return await work();
      } catch (error) {
        forgetIndex(memory);
        throw error;
      }
    });

  const capture = async (whole: boolean): Promise<ScanReport> => {
    const before = memory.state.type;
    let report = await captureRound(context, { whole });
    for (let more = 0; memory.again && more < MORE_ROUNDS; more += 1) report = added(report, await captureRound(context, { whole: false }));
    if (report.state.type !== before) context.log.info({ state: report.state.type }, 'the state of the source changed');
    return report;
  };

  const isChanged = (): boolean => {
    const standing = database.look();
    if (standing === 'missing') return memory.version !== null;
    if (standing !== 'same') memory.isOther = true;
    return memory.isOther || database.version() !== memory.version;
  };

  /** What is to go once nothing refers to it is looked at whenever somebody wrote since it was last. */
  const isToLeave = (): boolean =>
    [...memory.waiting.values()].some(({ isLeaving }) => isLeaving) &&
    database.identity() !== null &&
    database.version() !== memory.appliedVersion;

  const isToReconcile = (): boolean => memory.version !== null && memory.version !== memory.wholeVersion;

  const apply = (): Promise<ApplyReport> =>
    round(async () => {
      memory.hasFailed = true;
      // Before it: what others write meanwhile it may not see.
      memory.appliedVersion = database.identity() === null ? null : database.version();
      const report = await applyRound(context);
      memory.hasFailed = false;
      return report;
    });

  return {
    scan: () => round(() => capture(true)),
    catchUp: () =>
      round(async () => {
        if (isChanged() || isToReconcile()) await capture(true);
      }),
    apply,
    async watch(onRound, signal) {
      const queue = createChangeQueue(deps.clock, limits);
      const waitMs = (): number => {
        if (database.isApart()) return limits.apartMs;
        return memory.wholeVersion === null ? limits.absentMs : isToReconcile() ? limits.reconcileQuietMs : limits.pollMs;
      };
      const watcher = deps.watch?.((change) => queue.push(change));
      try {
        const { clock } = deps;
        const look = async (whole: boolean): Promise<void> => onRound({ type: 'scan', report: await round(() => capture(whole)) });
        await look(true);
        onRound({ type: 'apply', report: await apply() });
        let [changedAt, reconciledAt, cost] = [clock.now(), clock.now(), 0];
        let retryAt: number | null = null;
        while (!signal.aborted) {
          await queue.next(waitMs(), signal);
          if (signal.aborted) break;
          const now = clock.now();
          if (isChanged()) {
            const wasAbsent = memory.wholeVersion === null;
            changedAt = now;
            await look(wasAbsent);
            if (wasAbsent) retryAt = now;
          }
          const isQuiet = Math.abs(now - changedAt) >= limits.reconcileQuietMs;
          const isLate = Math.abs(now - reconciledAt) >= limits.reconcileMs;
          const isAffordable = Math.abs(now - reconciledAt) >= cost * 50;
          if (isToReconcile() && isAffordable && (isQuiet || isLate)) {
            await look(true);
            reconciledAt = clock.now();
            cost = Math.max(0, reconciledAt - now);
          }
          if (isToLeave()) retryAt = clock.now();
          if (retryAt !== null && clock.now() >= retryAt) {
            const report = await apply();
            onRound({ type: 'apply', report });
            retryAt = report.retryInMs === null ? null : clock.now() + report.retryInMs;
          } else if (memory.waiting.size > 0 || memory.hasFailed) retryAt ??= clock.now() + limits.absentMs;
        }
      } finally {
        watcher?.close();
      }
    },
    state: () => memory.state,
    trouble: () => (database.isApart() ? APART : null),
    skipped: () => skippedRows(context),
    waiting: () => [...memory.waiting].map(([name, { reason, lacksBody = false }]) => ({ name, reason, lacksBody })),
    offerAgain: () =>
      round(() => {
        for (const { id } of deps.profile.tables) memory.index.unskip(id);
        return capture(true);
      }),
    answerDeletions: (answer) =>
      round(async () => {
        const { state } = memory;
        if (state.type === 'older-state')
          return answer === 'delete' ? sendState(context, state, capture) : putStateBack(context, state, capture);
        if (state.type !== 'mass-deletion' && state.type !== 'root-missing') return capture(true);
        if (answer === 'delete') for (const name of state.names) memory.confirmed.add(name);
        else {
          const items = state.names.map((name) => ({ kind: deps.profile.kind, name }));
          // Shown as absent they are outstanding, and put in place again.
          await deps.workspace.applied(items.map((item) => ({ item, content: null, local: null })));
          for (const { name } of items) memory.index.delete(name);
          memory.state = { type: 'ok' };
        }
        const report = await capture(true);
        if (answer === 'restore') {
          // What cannot be written now is tried again: no change tells of it.
          memory.hasFailed = true;
          memory.hasFailed = (await applyRound(context)).retryInMs !== null;
        }
        return report;
      }),
    letGo: (anyway) =>
      turns.run(async () => {
        database.letGo(anyway);
        await Promise.resolve();
      }),
    shrink: () => database.shrink(),
    close: () =>
      turns.run(async () => {
        database.letGo();
        const isKnown = database.identity() !== null && memory.wholeVersion !== null; // what stands there is what was compared
        database.close();
        const file = isKnown ? noteOfFile(deps.file) : null;
        // Without it somebody is asked once too often.
        if (file !== null) await deps.past?.keep({ isAsked: memory.held !== null, file }).catch(() => undefined);
      }),
  };
}

function added(a: ScanReport, b: ScanReport): ScanReport {
  return {
    ...b,
    commits: a.commits + b.commits,
    changes: a.changes + b.changes,
    bytes: a.bytes + b.bytes,
    conflicts: [...a.conflicts, ...b.conflicts],
  };
}
