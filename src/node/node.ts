import type { Config } from '../config/config.ts';
import { tlsPinOfIdentity } from '../gateways/native/tls-identity.ts';
import { createClients, type Clients } from '../gateways/claude-mem/clients.ts';
import { createSyncFeeds, type SyncFeeds } from '../gateways/claude-mem/sync-feed.ts';
import { isLoopback } from '../gateways/native/guard.ts';
import type { HubApp, HubLog } from '../gateways/native/hub-app.ts';
import type { HubServerLimits } from '../gateways/native/limits.ts';
import type { SpaceId } from '../core/ids.ts';
import type { RemoteDescriptor } from '../core/joining/link.ts';
import { EMPTY_HEAD } from '../core/log/record.ts';
import type { Remote } from '../core/ports/remote.ts';
import { createSpace } from '../core/replica/create-space.ts';
import type { ReplicaDeps } from '../core/replica/deps.ts';
import { whileUnused } from '../core/replica/prune-obey.ts';
import { withAppendTurns } from '../remotes/append-turns.ts';
import { createGiveBack, type GiveBack } from '../remotes/give-back.ts';
import { createLocalRemote, type LocalRemote } from '../remotes/local.ts';
import type { AppendNotices } from '../store/postgres/append-notices.ts';
import { createMemRows, type MemRows } from './claude-mem/mem-rows.ts';
import type { LocalWorkerDeps } from './claude-mem/local-worker.ts';
import { connectHere } from './connect.ts';
import { admitCopy } from './copied-store/admit-copy.ts';
import type { CopyAnswer } from './copied-store/settle-copy.ts';
import { nodeHome, prepareHome, removePrivate, writePrivate, type NodeHome } from './home.ts';
import { createWipeErased } from './wipe-erased.ts';
import { createIdleMemory, type IdleMemory } from './idle-memory.ts';
import { InvitationKeeper } from './invitation-keeper.ts';
import type { KeptObjects, KeptStore } from './kept-store.ts';
import { createHeard, type Heard } from './kept-spaces.ts';
import { createMeter, type Meter } from './metrics/meter.ts';
import { meteredStore } from './metrics/metered-store.ts';
import { lockNode } from './node-lock.ts';
import { createMnemeService, type MnemeService } from './mneme/mneme-service.ts';
import { keepRecoverySecret } from './recovery-file.ts';
import { createRecall, type Recall } from './recall/recall.ts';
import { listSpaces, PERSONAL, type SpaceEntry } from './space-registry.ts';
import { openNodeStore, type NodeStore } from './open-node-store.ts';
import { NodeSpaces } from './node-spaces.ts';
import type { OpenSpace } from './open-space.ts';
import { followOwnName } from './own-name.ts';
import { reachableHost } from './own-tls.ts';
import { createRoomWatch, type RoomWatch } from './room-watch.ts';
import { serveNode, type Served } from './serve-node.ts';
import { createThreadPool, threadScript, type ThreadPool } from './threads/thread-pool.ts';
import { feedNotice, followedFeeds } from './claude-mem/followed-feeds.ts';
import { followedLogs, followAppends } from './shared-store/follow-appends.ts';
import { tryStore, type OnAsked } from './shared-store/try-store.ts';
import type { OnBucket } from './hub-objects.ts';
import { createElapsed, createSystemClock, createSystemRandom } from './system.ts';
import { wantLost } from './want-again.ts';
import { watchForWake, type WakeReason } from './wake-watch.ts';

export { PERSONAL } from './space-registry.ts';
export type { OpenSpace } from './open-space.ts';

/** Devices that one user of the claude-mem gateway may have. */
const DEVICES_PER_USER = 64;

export interface NodeOptions {
  readonly version: string;
  /** What the store is opened for, as one who waits for it is told: `up`, or a command's name. */
  readonly purpose?: string;
  /** What this store is, where it is a copy of one that ordered logs. */
  readonly copy?: CopyAnswer | undefined;
  /** Hears what its opening waits for. */
  readonly onAsked?: OnAsked | undefined;
  readonly onBucket?: OnBucket | undefined;
  /** Of its listener, other than usual. */
  readonly limits?: Partial<HubServerLimits> | undefined;
  /** Routes for this machine's commands. */
  readonly routes?: (node: SatchelNode) => Promise<(app: HubApp) => void> | ((app: HubApp) => void);
}

/** Of their own: who waits for files must not wait behind the sealing of large bodies. */
const FILE_THREADS = 2;

/** One store and what runs on it. Exactly one process a store: {@link SatchelNode.open} throws NodeIsRunning. */
export class SatchelNode {
  readonly config: Config;
  readonly home: NodeHome;
  readonly store: KeptStore;
  readonly objects: KeptObjects;
  readonly deps: ReplicaDeps;
  readonly local: LocalRemote;
  /** Where other hubs use the same store: what they tell each other. */
  readonly shared: AppendNotices | null;
  readonly log: HubLog;
  readonly spaces: ReadonlyMap<SpaceId, OpenSpace>;
  readonly invitations: InvitationKeeper;
  /** What `search` asks. */
  readonly recall: Recall;
  /** Who asked here for what it keeps. */
  readonly heard: Heard;
  /** What it counts while it runs. */
  readonly meter: Meter;
  /** Whether there is room for what others send. */
  readonly room: RoomWatch;
  readonly options: NodeOptions;
  /** Who may sync through the claude-mem gateway. */
  readonly claudeMemClients: Clients;
  readonly claudeMemFeeds: SyncFeeds;
  /** The sync server of mneme, at a port of its own. */
  readonly mneme: MnemeService;
  /** Which rows of claude-mem's database go where. */
  readonly memRows: MemRows;
  /** Whether others may have been told this machine's keys while it ran, so that what began with them must go on with them. */
  introduced = false;
  readonly #lock: { release(): void };
  readonly #stopping = new AbortController();
  readonly #memory: IdleMemory;
  readonly #giveBack: GiveBack;
  readonly #fileThreads: ThreadPool | null;
  readonly #opened: NodeSpaces;
  #served: Served | null = null;
  #loops: Promise<void>[] = [];

  private constructor(
    config: Config,
    home: NodeHome,
    { store, objects, shared, index, deps, log }: NodeStore,
    lock: { release(): void },
    options: NodeOptions,
    meter: Meter,
  ) {
    this.config = config;
    this.home = home;
    this.store = store;
    this.objects = objects;
    this.deps = deps;
    this.log = log;
    this.options = options;
    this.meter = meter;
    this.room = createRoomWatch({ home, isElsewhere: config.store !== undefined, clock: deps.clock, log });
    this.#lock = lock;
    const script = threadScript();
    this.#fileThreads = script === null ? null : createThreadPool(script, FILE_THREADS);
    this.#memory = createIdleMemory({
      clock: deps.clock,
      signal: this.#stopping.signal,
      release: async () => {
        for (const { replica, rows } of this.spaces.values()) {
          replica.bodies.forgetPlain();
          for (const { source } of rows) source.shrink();
        }
        objects.shrink();
        await store.shrink().catch((error: unknown) => log.warn({ error: String(error) }, 'memory could not be given back'));
      },
    });
    this.#opened = new NodeSpaces(this, {
      memory: this.#memory,
      wipeErased: createWipeErased(store, deps.clock, this.#stopping.signal),
      fileThreads: this.#fileThreads,
      stopped: this.#stopping.signal,
      served: () => this.#served,
    });
    this.spaces = this.#opened.all;
    this.#giveBack = createGiveBack({
      store,
      objects,
      clock: deps.clock,
      onFailed: (error) => log.warn({ error: String(error) }, 'the room of what was deleted could not be given back yet'),
    });
    const local = createLocalRemote({
      store,
      objects,
      clock: deps.clock,
      address: 'this node',
      onDeleted: () => this.#giveBack.wake(),
      ...(shared === null ? {} : { isShared: true, onAppended: (space) => shared.announce(space) }),
      whileUnused: async (space, work) => {
        const replica = this.spaces.get(space)?.replica;
        await (replica === undefined ? work(() => false) : whileUnused(replica, work));
      },
    });
    this.local = withAppendTurns(local, deps.clock);
    this.shared = shared;
    this.invitations = new InvitationKeeper(this);
    this.recall = createRecall(index);
    this.heard = createHeard(deps.clock);
    this.claudeMemFeeds = createSyncFeeds({ store, clock: deps.clock });
    if (shared !== null) this.claudeMemFeeds.onAppend(({ user }) => shared.announce(feedNotice(user)));
    this.claudeMemClients = createClients({ store, clock: deps.clock, random: deps.random, deviceLimit: DEVICES_PER_USER });
    this.mneme = createMnemeService(this);
    this.memRows = createMemRows({
      config,
      home,
      personal: PERSONAL,
      names: () => [...this.spaces.values()].map(({ rowNames }) => rowNames),
    });
  }

  /** Opens the store (made if new), and the spaces in it. */
  static async open(config: Config, options: NodeOptions): Promise<SatchelNode> {
    const home = nodeHome(config.environment.home);
    const probed = await tryStore(config, home, { clock: createSystemClock(), random: createSystemRandom(), onAsked: options.onAsked });
    await prepareHome(home);
    const lock = await lockNode(home, options.purpose ?? 'satchel', createSystemClock());
    try {
      const { store: kept, ...opened } = await openNodeStore(config, home, { copy: options.copy, probed, onBucket: options.onBucket });
      const meter = createMeter(opened.deps.clock);
      // Where nobody asked for figures, no transaction pays for them.
      const store = config.metrics ? meteredStore(kept, meter, createElapsed()) : kept;
      const node = new SatchelNode(config, home, { ...opened, store, deps: { ...opened.deps, store } }, lock, options, meter);
      for (const entry of await listSpaces(store)) await node.#opened.open(entry);
      await followOwnName(node);
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
  addSpace(entry: SpaceEntry): Promise<OpenSpace> {
    return this.#opened.add(entry);
  }

  /** Writes a changed entry; a changed remote is connected anew. One after the other. */
  updateSpace(entry: SpaceEntry): Promise<OpenSpace> {
    return this.#opened.update(entry);
  }

  /** Opens a space anew where its databases are to be carried otherwise by now. False where they are not. */
  reopenChanged(space: SpaceId): Promise<boolean> {
    return this.#opened.reopenChanged(space);
  }

  /** Resolves when no space is being opened anew: meanwhile it is not among {@link SatchelNode.spaces}. */
  reopened(): Promise<void> {
    return this.#opened.reopened();
  }

  dropSpace(space: SpaceId): Promise<void> {
    return this.#opened.drop(space);
  }

  /** Listens, at the configured port or another one, watches, syncs, until {@link close}. */
  async start(port = this.config.port): Promise<void> {
    this.#served = await serveNode(this, port, () => this.#memory.touch());
    await writePrivate(this.home.running, JSON.stringify({ pid: process.pid, address: this.address }));
    for (const open of this.spaces.values()) this.#opened.run(open);
    if (this.config.mneme.enabled) await this.mneme.start(this.config.mneme);
    this.#loops.push(this.invitations.run(this.#stopping.signal));
    this.#loops.push(this.#giveBack.run(this.#stopping.signal));
    this.#loops.push(this.room.run(this.#stopping.signal));
    if (this.objects.bucket !== undefined) {
      this.#loops.push(this.objects.bucket.run(this.#stopping.signal));
      this.objects.bucket.onLost((space) => void this.#loops.push(wantLost(this, space)));
    }
    if (this.shared !== null) {
      const { shared: notices, local, store, log, deps } = this;
      const followed = [followedLogs(local), followedFeeds(this.#served.claudeMem)];
      this.#loops.push(followAppends({ notices, followed, store, clock: deps.clock, log }, this.#stopping.signal));
    }
    this.#loops.push(watchForWake({ clock: this.deps.clock, onWake: (reason) => this.#wakeUp(reason) }, this.#stopping.signal));
  }

  /** Whether it listens, watches and syncs by itself; else it only serves the command that opened it. */
  get isLive(): boolean {
    return this.#served !== null;
  }

  /** Work that leaves much garbage: it is given back when the node is quiet again. */
  during<T>(work: () => Promise<T>): Promise<T> {
    return this.isLive ? this.#memory.during(work) : work();
  }

  /** Where this node listens; `null` while it does not. */
  get address(): string | null {
    return this.#served?.listener.address ?? null;
  }

  /** What there is to know of claude-mem's worker on this machine. */
  get claudeMemWorker(): LocalWorkerDeps {
    const { home, store, claudeMemFeeds: feeds, claudeMemClients: clients } = this;
    return { home, claudeMemHome: this.config.environment.claudeMemHome, store, feeds, clients };
  }

  /** How other machines reach this node, for links. */
  descriptor(): RemoteDescriptor | null {
    if (this.#served === null) return null;
    const { listener, tls } = this.#served;
    const { publicUrl } = this.config;
    const url = new URL(publicUrl ?? listener.address);
    if (publicUrl === undefined && !isLoopback(this.config.host)) url.hostname = reachableHost(this.config);
    return {
      address: url.origin,
      hubKey: this.deps.machine.key.machine,
      ...(tls === null ? {} : { tlsPin: tlsPinOfIdentity(tls) }),
    };
  }

  /** The remote that a space's log is ordered at. Throws RemoteError. */
  async openRemote(entry: SpaceEntry): Promise<Remote> {
    if (entry.remote === null) return this.local;
    const open = this.spaces.get(entry.space);
    if (open !== undefined) await admitCopy(this, open);
    return connectHere(this, entry.remote);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#served?.claudeMem.close();
    await this.mneme.stop();
    await this.#served?.listener.close();
    this.#served?.metrics?.close();
    await this.#opened.settled();
    // Nobody answers there any more, however long the rest takes.
    if (this.#served !== null) await removePrivate(this.home.running);
    await this.#opened.closeAll();
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
    this.#opened.wakeUp(reason);
  }
}
