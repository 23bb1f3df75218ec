import path from 'node:path';
import type { Clock } from '../core/ports/clock.ts';
import type { Random } from '../core/ports/random.ts';
import { createReplicaWorkspace } from '../core/replica/replica-workspace.ts';
import type { Mutex } from '../core/replica/mutex.ts';
import type { Replica } from '../core/replica/replica.ts';
import type { Workspace } from '../core/replica/workspace.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { claudeMemProfile } from '../sources/claude-mem/claude-mem-profile.ts';
import { isHeldWith } from '../sources/claude-mem-health/holders.ts';
import { mayNotOpen } from '../sources/claude-mem-health/may-not-open.ts';
import type { ApplyReport, ScanReport } from '../sources/file-tree/reports.ts';
import { createNodeFiles } from '../sources/files/node-files.ts';
import { createOutgoingWorkspace, type OutgoingWorkspace } from '../sources/outgoing/outgoing-workspace.ts';
import type { ProjectChoice } from '../kinds/claude-mem/project-choice.ts';
import { createRowPast, type RowPast } from '../sources/sqlite-rows/row-past.ts';
import type { RowScope } from '../sources/sqlite-rows/row-scope.ts';
import { createSqliteRowsSource, type SqliteRowsSource } from '../sources/sqlite-rows/sqlite-rows-source.ts';
import { sayTrouble } from './disk-full.ts';
import { createRecordWriters } from './record-writers.ts';
import { createThreadedRows } from './threads/threaded-rows.ts';
import type { WatchHealth } from './keep-watching.ts';
import { createOutgoingAnswers, isShared } from './outgoing-answers.ts';

/** A database of which rows are captured and applied. */
export interface RowDefinition {
  /** `claude-mem`, and for other spaces than the personal one `claude-mem:SPACE`. */
  readonly id: string;
  readonly file: string;
  readonly toolUses: boolean;
  /** Its worker syncs the rest itself, through a gateway. */
  readonly sessionsOnly: boolean;
  /** Its worker syncs, and all is looked at nevertheless. */
  readonly isSyncedToo?: boolean;
  /** Rows of which projects go elsewhere. */
  readonly choices: readonly ProjectChoice[];
}

export interface RowSource {
  readonly definition: RowDefinition;
  readonly source: SqliteRowsSource;
  readonly workspace: Workspace;
  /** What looks like a secret, on its way to a space that others can read. */
  readonly outgoing: OutgoingWorkspace;
  readonly health: WatchHealth;
  /** Before the first capture of a command. */
  begin(): Promise<void>;
  /** Before the store. */
  close(): Promise<void>;
}

/** Who has the views of the database that is in use. */
export const ROWS_WRITER = 'rows:claude-mem';

export function createRowSource(
  definition: RowDefinition,
  replica: Replica,
  deps: {
    readonly clock: Clock;
    readonly random: Random;
    readonly log: HubLog;
    /** Which of the rows are of this space. */
    readonly scope: RowScope;
    readonly turns: Mutex;
    /** Of its views; `rows:claude-mem` where absent. */
    readonly writer?: string;
    /** While it is watched: claude-mem's settings changed. */
    readonly onSettings?: () => void;
    /** Whether rows that the worker's own sync carries are of this session in the space. */
    readonly isReferredTo?: (session: string) => Promise<boolean>;
    /** It is of a copy that is taken in: as another state its rows are expected. */
    readonly isCopy?: boolean;
    /** See `SqliteRowsDeps`. */
    readonly moveOn?: (workspace: Workspace) => Promise<void>;
    /** What the source sees of its workspace, where that is not all. */
    readonly through?: (workspace: Workspace) => Workspace;
  },
): RowSource {
  const profile = claudeMemProfile(definition);
  const inner = createReplicaWorkspace(replica, {
    writer: deps.writer ?? ROWS_WRITER,
    covers: ({ kind, name }) => kind === profile.kind && profile.tableOf(name) !== null,
    scope: JSON.stringify(definition),
  });
  const workspace = createOutgoingWorkspace(inner, {
    isShared: () => isShared(replica),
    answers: createOutgoingAnswers(replica),
    digest: (hash) => replica.bodies.digest(hash, {}),
  });
  const files = createNodeFiles({ root: path.dirname(definition.file), random: deps.random });
  const name = path.basename(definition.file);
  const threads = createThreadedRows(definition);
  const source = createSqliteRowsSource({
    file: definition.file,
    profile,
    workspace: deps.through?.(workspace) ?? workspace,
    clock: deps.clock,
    log: deps.log,
    scope: deps.scope,
    ...(deps.isReferredTo === undefined ? {} : { isReferredTo: deps.isReferredTo }),
    ...(deps.moveOn === undefined ? {} : { moveOn: deps.moveOn }),
    turns: deps.turns,
    isJudged: deps.isCopy !== true,
    ...(deps.isCopy === true ? {} : { past: pastOf(definition, replica) }),
    ...(threads === undefined ? {} : { beside: threads.write, readBeside: threads.read }),
    mayNotOpen,
    isHeldByOthers: isHeldWith,
    watch: (onChange) =>
      files.watch(
        (change) => {
          if (change.type === 'all' || change.paths.includes('settings.json')) deps.onSettings?.();
          if (change.type === 'all' || change.paths.some((changed) => changed === name || changed === `${name}-wal`)) onChange(change);
        },
        { enters: (folder) => folder === '' },
      ),
  });
  let failure: string | null = null;
  const health: WatchHealth = {
    get problem() {
      return failure ?? source.trouble();
    },
    set problem(problem) {
      failure = problem;
    },
  };
  /** Another program's broken database stops nothing but its own source. */
  const guarded = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      const result = await work();
      health.problem = null;
      return result;
    } catch (error) {
      health.problem = sayTrouble(error);
      deps.log.error({ source: definition.id, error: error instanceof Error ? error.stack : String(error) }, 'the source failed');
      return otherwise;
    }
  };
  const nothing: ApplyReport = { state: source.state(), written: 0, removed: 0, notHere: [], waiting: [], retryInMs: null };
  const unread: ScanReport = {
    state: source.state(),
    commits: 0,
    changes: 0,
    bytes: 0,
    conflicts: [],
    skipped: [],
    torn: [],
    changing: [],
  };
  return {
    definition,
    source: {
      ...source,
      scan: () => guarded(() => source.scan(), unread),
      apply: () => guarded(() => source.apply(), nothing),
      catchUp: () => guarded(() => source.catchUp(), undefined),
    },
    workspace,
    outgoing: workspace,
    health,
    begin: () => inner.begin(),
    async close() {
      await source.close();
      await inner.close();
    },
  };
}

/** What the space knows of earlier times of a database's rows. */
export function pastOf(definition: RowDefinition, replica: Replica): RowPast {
  const { kind, prefix } = claudeMemProfile(definition);
  const writers = createRecordWriters(replica);
  return createRowPast(replica, {
    ...{ kind, prefix, id: definition.id },
    isOwn: async (position) => (await writers.at(position)) === replica.machine,
  });
}
