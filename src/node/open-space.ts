import type { Config } from '../config/config.ts';
import type { Remote } from '../core/ports/remote.ts';
import type { ReplicaDeps } from '../core/replica/deps.ts';
import { dropLanded } from '../core/replica/fallen.ts';
import { Replica } from '../core/replica/replica.ts';
import type { Workspace } from '../core/replica/workspace.ts';
import { createRowsOfSpace } from '../gateways/claude-mem/rows-of-space.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { holdingAbsences } from '../sources/sqlite-rows/absence-workspaces.ts';
import type { MnemeProjects } from '../sources/mneme-files/mneme-projects.ts';
import { isBridgedHere } from './claude-mem/connection.ts';
import { areAbsencesDue } from './claude-mem/last-look.ts';
import { movedTo } from './move-space.ts';
import { moveOnOnce, noteLeft } from './claude-mem/left-to-worker.ts';
import type { MemRows } from './claude-mem/mem-rows.ts';
import { reopenScoped } from './claude-mem/reopen-scoped.ts';
import { createRowNames, type KeptRowNames } from './claude-mem/row-names.ts';
import { hasRowsOf } from './claude-mem/rows-of-session.ts';
import { nodeHome } from './home.ts';
import type { IdleMemory } from './idle-memory.ts';
import { projectsOfMneme } from './mneme/mneme-tree.ts';
import { createRowSource, type RowSource } from './row-sources.ts';
import { createSecretWatch, type SecretWatch } from './secrets/secret-watch.ts';
import { PERSONAL, type SpaceEntry } from './space-registry.ts';
import { inSmallHeap } from './small-heap.ts';
import { SpaceRunner } from './space-runner.ts';
import type { SyncProblemType } from './sync-problem.ts';
import { createFileThreads } from './threads/file-threads.ts';
import type { ThreadPool } from './threads/thread-pool.ts';
import { createTreeSource, treeDefinitions, type TreeSource } from './tree-sources.ts';

/** A space that is open here. */
export interface OpenSpace {
  readonly entry: SpaceEntry;
  readonly replica: Replica;
  readonly runner: SpaceRunner;
  readonly sources: readonly TreeSource[];
  /** Databases of other programs. */
  readonly rows: readonly RowSource[];
  /** Of a space with a Claude home: its projects by the ids that clients of mneme here call them by. */
  readonly mneme: MnemeProjects | null;
  /** Which rows of claude-mem it has. */
  readonly rowNames: KeptRowNames;
  readonly secrets: SecretWatch;
  /** Ends the watching of the sources, each a promise in `watches`. */
  readonly watching: AbortController;
  readonly watches: Promise<void>[];
  /** Looks again for databases to carry, where there was none. */
  readonly attachRows: () => Promise<void>;
}

export interface OpenSpaceDeps {
  readonly config: Config;
  readonly deps: ReplicaDeps;
  readonly log: HubLog;
  readonly memory: IdleMemory;
  readonly fileThreads: ThreadPool | null;
  readonly memRows: MemRows;
  /** Whether the node watches and syncs by itself. */
  readonly isLive: () => boolean;
  readonly openRemote: () => Promise<Remote>;
  readonly onSynced: (replica: Replica) => Promise<void>;
  /** The log says that its home is another than the one of this entry. */
  readonly onElsewhere: () => void;
  /** The settings of a database's owner may have changed. */
  readonly onSettings: () => void;
  /** A sync failed, or brought the logs not together. */
  readonly onSyncFailure: (type: SyncProblemType) => void;
}

/** Opens a space with all that it carries on this machine; nothing runs yet. */
export async function openSpace(entry: SpaceEntry, given: OpenSpaceDeps): Promise<OpenSpace> {
  const { config, deps, log, memory, fileThreads, isLive } = given;
  const started = (await deps.store.read((tx) => tx.logs.head(entry.space))) !== null;
  const replica = started ? await inSmallHeap(() => Replica.open(deps, entry.space)) : Replica.create(deps, entry.space);
  const sources: TreeSource[] = [];
  const rows: RowSource[] = [];
  let mneme: MnemeProjects | null = null;
  const applyAll = async (): Promise<void> => {
    for (const { source } of [...sources, ...rows]) await source.apply();
  };
  const apply = (): Promise<void> => (isLive() ? memory.during(applyAll) : applyAll());
  const { clock, random } = deps;
  const onPlaced = (): void => {
    if (isLive()) apply().catch((error: unknown) => log.error({ error: String(error) }, 'what has a place now could not be applied'));
  };
  let isTidy = false;
  const runner = new SpaceRunner({
    replica,
    clock,
    random,
    log,
    apply,
    hasten: () => sources.forEach(({ source }) => source.hasten()),
    openRemote: given.openRemote,
    onFailure: given.onSyncFailure,
    isElsewhere: async () => (await movedTo({ entry, replica }, deps.machine.key.machine)) !== null,
    onElsewhere: given.onElsewhere,
    afterSync: async () => {
      if (isLive()) memory.touch();
      if (!isTidy) await dropLanded(replica);
      isTidy = true;
      for (const { projects } of sources) await projects?.removeStrays();
      await given.onSynced(replica);
    },
  });
  if (!config.hub) {
    const definitions = treeDefinitions(config);
    const threads = fileThreads === null ? {} : { threads: createFileThreads(fileThreads) };
    const treeDeps = { ...threads, config, clock, random, log, onPlaced };
    for (const definition of definitions) {
      const space = config.sources.find((source) => source.id === definition.id)?.space ?? PERSONAL;
      if (space !== entry.name) continue;
      sources.push(createTreeSource(definition, definitions, replica, { ...treeDeps, mneme }));
      const projects = sources.at(-1)?.projects ?? null;
      if (projects !== null) mneme = projectsOfMneme(replica, projects, clock);
    }
  }
  const rowNames = createRowNames(replica, entry.name);
  const attachRows = async (): Promise<void> => {
    rows.push(...(await openRows(entry, replica, rowNames, given)));
  };
  await attachRows();
  const secrets = createSecretWatch(replica, clock, () => memory.touch());
  return { entry, replica, runner, sources, rows, rowNames, mneme, secrets, watching: new AbortController(), watches: [], attachRows };
}

async function openRows(
  entry: SpaceEntry,
  replica: Replica,
  names: KeptRowNames,
  { config, deps, log, memRows, onSettings }: OpenSpaceDeps,
): Promise<RowSource[]> {
  const { clock, random, store } = deps;
  const home = nodeHome(config.environment.home);
  const spaceRows = createRowsOfSpace(replica);
  const opened: RowSource[] = [];
  for (const definition of await memRows.definitions(entry.name, names)) {
    const scope = memRows.scopeFor(entry.name, names);
    const through = (workspace: Workspace): Workspace =>
      definition.sessionsOnly ? holdingAbsences(workspace, async () => !(await areAbsencesDue(store, home, entry.space))) : workspace;
    // What a worker syncs with another node is not in this space.
    const isReferredTo = async (session: string): Promise<boolean> => !(await isBridgedHere(home)) || hasRowsOf(session, spaceRows);
    const turns = memRows.turns;
    const moveOn = moveOnOnce(definition, { replica, clock, store, space: entry.space });
    if (definition.sessionsOnly) await noteLeft(store, entry.space);
    const source = createRowSource(definition, replica, {
      ...{ clock, random, log, onSettings, scope, turns, through, isReferredTo },
      ...(definition.sessionsOnly ? {} : { moveOn }),
    });
    await reopenScoped(store, replica, source);
    opened.push(source);
  }
  return opened;
}
