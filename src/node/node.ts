import { networkInterfaces } from 'node:os';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config/config.ts';
import { tlsPinOfIdentity, createTlsIdentity, type TlsIdentity } from '../gateways/native/tls-identity.ts';
import { createClients, type Clients } from '../gateways/claude-mem/clients.ts';
import type { ClaudeMemGateway } from '../gateways/claude-mem/gateway.ts';
import { createSyncFeeds, type SyncFeeds } from '../gateways/claude-mem/sync-feed.ts';
import { createApiToken, type StoredToken } from '../gateways/native/api-tokens.ts';
import { isLoopback } from '../gateways/native/guard.ts';
import type { HubApp, HubLog } from '../gateways/native/hub-app.ts';
import type { HubServerLimits } from '../gateways/native/limits.ts';
import type { Listener } from '../gateways/native/listener.ts';
import type { SpaceId } from '../core/ids.ts';
import type { RemoteDescriptor } from '../core/joining/link.ts';
import { EMPTY_HEAD } from '../core/log/record.ts';
import { RemoteError, type Remote } from '../core/ports/remote.ts';
import type { ObjectStore } from '../core/ports/objects.ts';
import { createSpace } from '../core/replica/create-space.ts';
import { Mutex } from '../core/replica/mutex.ts';
import type { ReplicaDeps } from '../core/replica/deps.ts';
import { dropLanded } from '../core/replica/fallen.ts';
import { whileUnused } from '../core/replica/prune-obey.ts';
import { Replica } from '../core/replica/replica.ts';
import { claudeMemKind } from '../kinds/claude-mem/claude-mem-kind.ts';
import { createKindRegistry } from '../kinds/registry.ts';
import { withAppendTurns } from '../remotes/append-turns.ts';
import { createLocalRemote, type LocalRemote } from '../remotes/local.ts';
import { createFolderObjects, type FolderObjects } from '../store/chunks/folder-objects.ts';
import { createSqliteStore, type SqliteStore } from '../store/sqlite/sqlite-store.ts';
import type { WatchRound } from '../sources/file-tree/file-tree-source.ts';
import { createZstd } from '../store/zstd.ts';
import { createAgeKeyWrapping } from './age-key-wrapping.ts';
import { createMemRows, type MemRows } from './claude-mem/mem-rows.ts';
import { reopenScoped } from './claude-mem/reopen-scoped.ts';
import { createRowNames, type KeptRowNames } from './claude-mem/row-names.ts';
import type { bridgePersonal } from './claude-mem/bridge-personal.ts';
import type { LocalWorkerDeps } from './claude-mem/local-worker.ts';
import { connect } from './connect.ts';
import { admitCopy } from './copied-store/admit-copy.ts';
import { settleCopy, type CopyAnswer } from './copied-store/settle-copy.ts';
import { nodeHome, prepareHome, readPrivate, removePrivate, writePrivate, type NodeHome } from './home.ts';
import { createIdleMemory, type IdleMemory } from './idle-memory.ts';
import { InvitationKeeper } from './invitation-keeper.ts';
import { createHeard, type Heard } from './kept-spaces.ts';
import { keepWatching } from './keep-watching.ts';
import { createLogAuthority } from './log-authority.ts';
import { loadMachineIdentity } from './machine-identity.ts';
import { followMove } from './move-space.ts';
import { createKeptKeyWrapping } from './kept-key-wrapping.ts';
import { createNodeLog } from './node-log.ts';
import { lockNode } from './node-lock.ts';
import { createMnemeService, type MnemeService } from './mneme/mneme-service.ts';
import { keepRecoverySecret } from './recovery-file.ts';
import { createRecall, type Recall } from './recall/recall.ts';
import { listSpaces, putSpace, removeSpace, type SpaceEntry } from './space-registry.ts';
import { createSecretWatch, type SecretWatch } from './secrets/secret-watch.ts';
import { placeHere } from './remote-registry.ts';
import { createRowSource, type RowSource } from './row-sources.ts';
import { createFileThreads } from './threads/file-threads.ts';
import { createThreadPool, threadScript, type ThreadPool } from './threads/thread-pool.ts';
import { createThreadedSealing } from './threads/threaded-sealing.ts';
import { SpaceRunner } from './space-runner.ts';
import { createSystemClock, createSystemRandom } from './system.ts';
import type { ClaudeProjects } from './claude-projects.ts';
import type { MnemeProjects } from '../sources/mneme-files/mneme-projects.ts';
import { projectsOfMneme } from './mneme/mneme-tree.ts';
import { watchForWake, type WakeReason } from './wake-watch.ts';
import { createTreeSource, treeDefinitions, type TreeSource } from './tree-sources.ts';

export const PERSONAL = 'personal';

const LOOK_FOR_PLACES_MS = 30_000;
/** Devices that one user of the claude-mem gateway may have. */
const DEVICES_PER_USER = 64;

export interface NodeOptions {
  readonly version: string;
  /** What the store is opened for, as one who waits for it is told: `up`, or a command's name. */
  readonly purpose?: string;
  /** What this store is, where it is a copy of one that ordered logs. */
  readonly copy?: CopyAnswer | undefined;
  /** Of its listener, other than usual. */
  readonly limits?: Partial<HubServerLimits> | undefined;
  /** Routes for this machine's commands. */
  readonly routes?: (node: SatchelNode) => Promise<(app: HubApp) => void> | ((app: HubApp) => void);
}

/** Large bodies are encrypted and decrypted on so many threads. */
const SEALING_THREADS = 2;
/** Of their own: who waits for files must not wait behind the sealing of large bodies. */
const FILE_THREADS = 2;

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
}

/** One store and what runs on it. Exactly one process a store: {@link SatchelNode.open} throws NodeIsRunning. */
export class SatchelNode {
  readonly config: Config;
  readonly home: NodeHome;
  readonly store: SqliteStore;
  readonly objects: ObjectStore;
  readonly deps: ReplicaDeps;
  readonly local: LocalRemote;
  readonly log: HubLog;
  readonly spaces = new Map<SpaceId, OpenSpace>();
  readonly invitations: InvitationKeeper;
  /** What `search` asks. */
  readonly recall: Recall;
  /** Who asked here for what it keeps. */
  readonly heard: Heard;
  readonly options: NodeOptions;
  /** Who may sync through the claude-mem gateway. */
  readonly claudeMemClients: Clients;
  readonly claudeMemFeeds: SyncFeeds;
  /** The sync server of mneme, at a port of its own. */
  readonly mneme: MnemeService;
  /** Which rows of claude-mem's database go where. */
  readonly memRows: MemRows;
  readonly #lock: { release(): void };
  readonly #stopping = new AbortController();
  readonly #memory: IdleMemory;
  readonly #updates = new Mutex();
  readonly #fileThreads: ThreadPool | null;
  #listener: Listener | null = null;
  #claudeMem: ClaudeMemGateway | null = null;
  #bridge: typeof bridgePersonal | null = null;
  #tls: TlsIdentity | null = null;
  #loops: Promise<void>[] = [];

  private constructor(
    config: Config,
    home: NodeHome,
    store: SqliteStore,
    objects: FolderObjects,
    deps: ReplicaDeps,
    log: HubLog,
    lock: { release(): void },
    options: NodeOptions,
  ) {
    this.config = config;
    this.home = home;
    this.store = store;
    this.objects = objects;
    this.deps = deps;
    this.log = log;
    this.options = options;
    this.#lock = lock;
    const script = threadScript();
    this.#fileThreads = script === null ? null : createThreadPool(script, FILE_THREADS);
    const local = createLocalRemote({
      store,
      objects,
      clock: deps.clock,
      address: 'this node',
      whileUnused: async (space, work) => {
        const replica = this.spaces.get(space)?.replica;
        await (replica === undefined ? work(() => false) : whileUnused(replica, work));
      },
    });
    this.local = withAppendTurns(local, deps.clock);
    this.invitations = new InvitationKeeper(this);
    // Loaded where somebody searches.
    this.recall = createRecall(home.index, async (file) => (await import('../store/text-index/sqlite-text-index.ts')).openTextIndex(file));
    this.heard = createHeard(deps.clock);
    this.claudeMemFeeds = createSyncFeeds({ store, clock: deps.clock });
    this.claudeMemClients = createClients({ store, clock: deps.clock, random: deps.random, deviceLimit: DEVICES_PER_USER });
    this.mneme = createMnemeService(this);
    this.memRows = createMemRows({
      config,
      home,
      personal: PERSONAL,
      names: () => [...this.spaces.values()].map(({ rowNames }) => rowNames),
    });
    this.#memory = createIdleMemory({
      clock: deps.clock,
      signal: this.#stopping.signal,
      release: async () => {
        for (const { replica } of this.spaces.values()) replica.bodies.forgetPlain();
        objects.shrink();
        await store.shrink().catch((error: unknown) => log.warn({ error: String(error) }, 'memory could not be given back'));
      },
    });
  }

  /** Opens the store (made if new), and the spaces in it. */
  static async open(config: Config, options: NodeOptions): Promise<SatchelNode> {
    const home = nodeHome(config.environment.home);
    await prepareHome(home);
    const lock = await lockNode(home, options.purpose ?? 'satchel', createSystemClock());
    try {
      const random = createSystemRandom();
      const wrapping = createAgeKeyWrapping();
      const log = createNodeLog(home.log, config.logLevel);
      const store = await createSqliteStore({ path: home.store, checksNesting: false });
      const isCopy = await settleCopy(home, store, {
        random,
        clock: createSystemClock(),
        wrapping,
        isHub: config.hub,
        answer: options.copy,
      });
      if (isCopy) log.warn({}, 'this store was copied from another place: it is a new machine from now on');
      const machine = await loadMachineIdentity(home, { random, wrapping });
      const objects = createFolderObjects({ path: home.objects, random });
      const compression = createZstd();
      const script = threadScript();
      const deps: ReplicaDeps = {
        store,
        objects,
        kinds: createKindRegistry(),
        compression,
        sealing: createThreadedSealing({ compression, random, pool: script === null ? null : createThreadPool(script, SEALING_THREADS) }),
        random,
        clock: createSystemClock(),
        wrapping: createKeptKeyWrapping(wrapping, { file: path.join(home.keys, 'opened.json'), identity: machine.identity }),
        machine,
        log: (event, details) => log.info(details, event),
      };
      const node = new SatchelNode(config, home, store, objects, deps, log, lock, options);
      for (const entry of await listSpaces(store)) await node.#openSpace(entry);
      return node;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Makes the personal space where there is none. Its recovery key is kept until it was shown. */
  async ensurePersonalSpace(): Promise<OpenSpace> {
    for (const open of this.spaces.values()) if (open.entry.name === PERSONAL) return open;
    const { space, genesis, recoverySecret } = await createSpace(this.deps, 'sealed');
    await keepRecoverySecret(this.home, space, recoverySecret);
    await this.local.append(space, EMPTY_HEAD, { records: [genesis], objects: [] });
    return this.addSpace({ space, name: PERSONAL, remote: null, addedAt: this.deps.clock.now(), recoveryShown: false });
  }

  /** Registers a space whose log begins in the store, or comes with the first pull, and opens it. */
  async addSpace(entry: SpaceEntry): Promise<OpenSpace> {
    await putSpace(this.store, entry);
    const open = await this.#openSpace(entry);
    if (this.isLive) this.#startSpace(open);
    return open;
  }

  /** Writes a changed entry; a changed remote is connected anew. One after the other. */
  updateSpace(entry: SpaceEntry): Promise<OpenSpace> {
    return this.#updates.run(() => this.#updateSpace(entry));
  }

  /** Opens a space of a running node anew where its databases are to be carried otherwise by now. False where they are not. */
  reopenChanged(space: SpaceId): Promise<boolean> {
    return this.#updates.run(async () => {
      const open = this.spaces.get(space);
      if (open === undefined || !this.isLive || this.#stopping.signal.aborted) return false;
      const wanted = await this.memRows.definitions(open.entry.name, open.rowNames);
      if (JSON.stringify(wanted) === JSON.stringify(open.rows.map(({ definition }) => definition))) return false;
      await this.#updateSpace(open.entry);
      return true;
    });
  }

  async #updateSpace(entry: SpaceEntry): Promise<OpenSpace> {
    const before = this.spaces.get(entry.space);
    if (before !== undefined) {
      if (before.entry.remote?.address !== entry.remote?.address) await this.invitations.withdrawAll(entry.space);
      await this.#closeSpace(before);
    }
    return this.addSpace(entry);
  }

  async dropSpace(space: SpaceId): Promise<void> {
    const open = this.spaces.get(space);
    if (open !== undefined) await this.#closeSpace(open);
    await removeSpace(this.store, space);
  }

  /** Listens, at the configured port or another one, watches, syncs, until {@link close}. */
  async start(port = this.config.port): Promise<void> {
    await this.#listen(port);
    await writePrivate(this.home.running, JSON.stringify({ pid: process.pid, address: this.address }));
    for (const open of this.spaces.values()) this.#startSpace(open);
    if (this.config.mneme.enabled) await this.mneme.start(this.config.mneme);
    this.#loops.push(this.invitations.run(this.#stopping.signal));
    this.#loops.push(watchForWake({ clock: this.deps.clock, onWake: (reason) => this.#wakeUp(reason) }, this.#stopping.signal));
  }

  /** Whether it listens, watches and syncs by itself; else it only serves the command that opened it. */
  get isLive(): boolean {
    return this.#listener !== null;
  }

  /** Work that leaves much garbage: it is given back when the node is quiet again. */
  during<T>(work: () => Promise<T>): Promise<T> {
    return this.isLive ? this.#memory.during(work) : work();
  }

  /** Where this node listens; `null` while it does not. */
  get address(): string | null {
    return this.#listener?.address ?? null;
  }

  /** What there is to know of claude-mem's worker on this machine. */
  get claudeMemWorker(): LocalWorkerDeps {
    return { home: this.home, claudeMemHome: this.config.environment.claudeMemHome, store: this.store, feeds: this.claudeMemFeeds };
  }

  /** How other machines reach this node, for links. */
  descriptor(): RemoteDescriptor | null {
    if (this.#listener === null) return null;
    const url = new URL(this.#listener.address);
    if (!isLoopback(this.config.host)) url.hostname = reachableHost(this.config);
    return {
      address: url.origin,
      hubKey: this.deps.machine.key.machine,
      ...(this.#tls === null ? {} : { tlsPin: tlsPinOfIdentity(this.#tls) }),
    };
  }

  /** The remote that a space's log is ordered at. Throws RemoteError. */
  async openRemote(entry: SpaceEntry): Promise<Remote> {
    if (entry.remote === null) return this.local;
    const open = this.spaces.get(entry.space);
    if (open !== undefined) await admitCopy(this, open);
    const { clock, random, machine } = this.deps;
    return connect(await placeHere(this.store, entry.remote), { clock, random, key: machine.key });
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#claudeMem?.close();
    await this.mneme.stop();
    await this.#listener?.close();
    // A space that is being opened anew is there in full, then.
    await this.#updates.run(() => Promise.resolve());
    // Nobody answers there any more, however long the rest takes.
    if (this.#listener !== null) await removePrivate(this.home.running);
    for (const open of [...this.spaces.values()]) await this.#closeSpace(open);
    await Promise.allSettled(this.#loops);
    await this.#memory.ended();
    await this.deps.sealing?.close();
    await this.#fileThreads?.close();
    await this.objects.close();
    await this.store.close();
    this.#lock.release();
  }

  #wakeUp(reason: WakeReason): void {
    this.log.info({ reason }, reason === 'late' ? 'timers were late: this machine was busy, or stopped' : 'woke up');
    for (const { entry, runner } of this.spaces.values()) {
      // What is ordered here needs no network, and serves others.
      if (entry.remote === null) continue;
      runner.wakeUp(reason).catch((error: unknown) => this.log.error({ error: String(error) }, 'a connection could not be dropped'));
    }
  }

  async #openSpace(entry: SpaceEntry): Promise<OpenSpace> {
    const started = (await this.store.read((tx) => tx.logs.head(entry.space))) !== null;
    const replica = started ? await Replica.open(this.deps, entry.space) : Replica.create(this.deps, entry.space);
    const sources: TreeSource[] = [];
    const rows: RowSource[] = [];
    let mneme: MnemeProjects | null = null;
    const applyAll = async (): Promise<void> => {
      for (const { source } of [...sources, ...rows]) await source.apply();
    };
    const apply = (): Promise<void> => (this.isLive ? this.#memory.during(applyAll) : applyAll());
    const { clock, random } = this.deps;
    const onPlaced = (): void => {
      if (this.isLive)
        apply().catch((error: unknown) => this.log.error({ error: String(error) }, 'what has a place now could not be applied'));
    };
    let isTidy = false;
    const runner = new SpaceRunner({
      replica,
      clock,
      random,
      log: this.log,
      apply,
      openRemote: () => this.openRemote(entry),
      afterSync: async () => {
        if (this.isLive) this.#memory.touch();
        if (!isTidy) await dropLanded(replica);
        isTidy = true;
        await this.recall.obeyErasures(replica);
        setImmediate(() => void this.#followMove(entry.space));
      },
    });
    if (!this.config.hub) {
      const definitions = treeDefinitions(this.config);
      const threads = this.#fileThreads === null ? {} : { threads: createFileThreads(this.#fileThreads) };
      const treeDeps = { ...threads, config: this.config, clock, random, log: this.log, onPlaced };
      for (const definition of definitions) {
        const space = this.config.sources.find((source) => source.id === definition.id)?.space ?? PERSONAL;
        if (space !== entry.name) continue;
        sources.push(createTreeSource(definition, definitions, replica, { ...treeDeps, mneme }));
        const projects = sources.at(-1)?.projects ?? null;
        if (projects !== null) mneme = projectsOfMneme(replica, projects, clock);
      }
    }
    const rowNames = createRowNames(replica, entry.name);
    rows.push(...(await this.#createRows(entry, replica, rowNames)));
    const secrets = createSecretWatch(replica, clock, () => this.#memory.touch());
    const open = { entry, replica, runner, sources, rows, rowNames, mneme, secrets, watching: new AbortController(), watches: [] };
    this.spaces.set(entry.space, open);
    // Other members' rows: from the first on they have a place here.
    replica.onChange((items) => {
      if (rows.length === 0 && items.some(({ kind }) => kind === claudeMemKind.id)) setImmediate(() => void this.#attachRows(open, rows));
    });
    return open;
  }

  async #createRows(entry: SpaceEntry, replica: Replica, names: KeptRowNames): Promise<RowSource[]> {
    const { clock, random } = this.deps;
    const onSettings = (): void => void setImmediate(() => void this.#followRows(entry.space));
    const made: RowSource[] = [];
    for (const definition of await this.memRows.definitions(entry.name, names)) {
      const scope = this.memRows.scopeFor(entry.name, names);
      const source = createRowSource(definition, replica, { clock, random, log: this.log, onSettings, scope, turns: this.memRows.turns });
      await reopenScoped(this.store, entry.space, source);
      made.push(source);
    }
    return made;
  }

  /** While the space goes on: nobody's sync is broken off for it. */
  async #attachRows(open: OpenSpace, rows: RowSource[]): Promise<void> {
    try {
      await this.#updates.run(async () => {
        if (rows.length > 0 || this.spaces.get(open.entry.space) !== open || this.#stopping.signal.aborted) return;
        const made = await this.#createRows(open.entry, open.replica, open.rowNames);
        rows.push(...made);
        for (const { source } of made) await source.apply();
        if (this.isLive) this.#watchRows(open);
      });
    } catch (error) {
      this.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'rows of claude-mem could not be put in place');
    }
  }

  /** claude-mem's worker may sync by another way now, whoever said so: then its source carries more, or less. */
  async #followRows(space: SpaceId): Promise<void> {
    try {
      await this.reopenChanged(space);
    } catch (error) {
      this.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'what is carried of claude-mem could not be changed');
    }
  }

  async #closeSpace(open: OpenSpace): Promise<void> {
    this.spaces.delete(open.entry.space);
    open.rowNames.close();
    open.watching.abort();
    await open.runner.stop();
    // What goes on watching would capture past the replica that takes over.
    await Promise.all(open.watches);
    for (const source of [...open.sources, ...open.rows]) {
      // It only saves the next start a look: no reason not to end.
      await source.close().catch((error: unknown) => this.log.warn({ error: String(error) }, 'what is in place could not be noted'));
    }
  }

  #startSpace(open: OpenSpace): void {
    open.runner.start();
    const { clock } = this.deps;
    if (open.sources.length + open.rows.length > 0) open.watches.push(this.#watchSecrets(open));
    if (this.#bridge !== null && !this.config.hub && open.entry.name === PERSONAL) {
      const scope = { ...this.memRows.scopeFor(PERSONAL, open.rowNames), choices: JSON.stringify(this.memRows.choices) };
      const deps = { store: this.store, clock, feeds: this.claudeMemFeeds, log: this.log, worker: this.claudeMemWorker, scope };
      open.watches.push(this.#bridge(deps, open.replica, open.watching.signal));
    }
    for (const { source, definition, health, projects } of open.sources) {
      const { signal } = open.watching;
      const watch = keepWatching(source, { clock, health, ...this.#watchEvents(definition.id) }, signal);
      open.watches.push(
        projects === null ? watch : Promise.all([watch, this.#lookForPlaces(projects, open.sources, signal)]).then(() => undefined),
      );
    }
    this.#watchRows(open);
  }

  #watchRows(open: OpenSpace): void {
    const { clock } = this.deps;
    for (const { source, definition, health } of open.rows)
      open.watches.push(keepWatching(source, { clock, health, ...this.#watchEvents(definition.id) }, open.watching.signal));
  }

  #watchEvents(source: string): {
    readonly onRound: (round: WatchRound) => void;
    readonly onFailure: (error: unknown, pause: number) => void;
  } {
    return {
      onRound: (round) => {
        this.#memory.touch();
        if (round.type === 'scan' && round.report.state.type !== 'ok')
          this.log.warn({ source, state: round.report.state.type }, 'the source holds back');
      },
      onFailure: (error, pause) =>
        this.log.error({ source, pause, error: error instanceof Error ? error.stack : String(error) }, 'the source failed'),
    };
  }

  /** A checkout that was just made is the place of sessions before Claude Code ever ran there. */
  async #lookForPlaces(projects: ClaudeProjects, sources: readonly TreeSource[], signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.deps.clock.sleep(LOOK_FOR_PLACES_MS, signal);
      if (signal.aborted) return;
      try {
        if (await projects.hasNewPlaces()) for (const { source } of sources) await source.apply();
      } catch (error) {
        this.log.error({ error: String(error) }, 'places of projects could not be looked for');
      }
    }
  }

  async #watchSecrets({ secrets, watching }: OpenSpace): Promise<void> {
    try {
      await secrets.run(watching.signal);
    } catch (error) {
      this.log.error(
        { error: error instanceof Error ? error.stack : String(error) },
        'looking for secrets failed; it starts again with the node',
      );
    }
  }

  /** Runs after the sync that brought the move, since it replaces the runner that synced. */
  async #followMove(space: SpaceId): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    try {
      await followMove(this, space);
    } catch (error) {
      this.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'the move of the home remote could not be followed');
    }
  }

  async #listen(port: number): Promise<void> {
    const { config, deps } = this;
    const { random, clock, machine } = deps;
    const { token, stored } = createApiToken(['node:read', 'node:write'], random);
    const tokens: StoredToken[] = [stored];
    if (!isLoopback(config.host)) this.#tls = await loadTlsIdentity(this.home, config, clock);
    const routes = await this.options.routes?.(this);
    // Commands do not serve.
    const { serveClaudeMem } = await import('./claude-mem/serve-claude-mem.ts');
    this.#bridge = (await import('./claude-mem/bridge-personal.ts')).bridgePersonal;
    const claudeMem = await serveClaudeMem({ feeds: this.claudeMemFeeds, clock, clients: this.claudeMemClients, log: this.log });
    this.#claudeMem = claudeMem.gateway;
    const { createHubServer } = await import('../gateways/native/hub-server.ts');
    const server = createHubServer({
      remote: this.#served(),
      authority: createLogAuthority(this.store, machine.key.machine, this.heard),
      key: machine.key,
      clock,
      random,
      log: this.log,
      tokens: () => Promise.resolve(tokens),
      health: async () => {
        await this.store.read((tx) => tx.documents.get('health', 'probe'));
      },
      version: this.options.version,
      ...(this.options.limits === undefined ? {} : { limits: this.options.limits }),
      routes: (app) => {
        routes?.(app);
        claudeMem.routes(app);
      },
      upgrade: claudeMem.upgrade,
    });
    this.#listener = await server.listen({
      host: config.host,
      port,
      names: [...config.names, ...(isLoopback(config.host) ? [] : [reachableHost(config)])],
      ...(this.#tls === null ? {} : { tls: this.#tls }),
    });
    await writePrivate(this.home.token, token);
  }

  /** What other machines see: the logs that are ordered here. Copies of other homes' logs take no appends. */
  #served(): Remote {
    const { local } = this;
    return {
      ...local,
      append: async (space, expected, segment) => {
        if ((this.spaces.get(space)?.entry.remote ?? null) !== null)
          throw new RemoteError('refused', 'this node keeps only a copy of that log: append at its home remote');
        this.#memory.touch();
        return local.append(space, expected, segment);
      },
      putObjects: (space, batch) => {
        this.#memory.touch();
        return local.putObjects(space, batch);
      },
      getObjects: (space, ids) => {
        this.#memory.touch();
        return local.getObjects(space, ids);
      },
    };
  }
}

async function loadTlsIdentity(home: NodeHome, config: Config, clock: ReplicaDeps['clock']): Promise<TlsIdentity> {
  const file = path.join(home.keys, 'tls.json');
  const text = await readPrivate(file);
  if (text !== null) return JSON.parse(text) as TlsIdentity;
  const identity = await createTlsIdentity([...config.names, reachableHost(config), 'localhost'], clock);
  await writePrivate(file, JSON.stringify(identity));
  return identity;
}

/** The first name given, else the address that it listens on, else the first one of this machine's network. */
function reachableHost(config: Config): string {
  const [name] = config.names;
  if (name !== undefined) return name;
  if (config.host !== '0.0.0.0' && config.host !== '::') return config.host;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find((a) => !a.internal && a.family === 'IPv4')?.address ?? '127.0.0.1';
}

/** The program's version, from its package.json. */
export async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
