import type { SpaceId } from '../../src/core/ids.ts';
import type { Lease } from '../../src/core/lease.ts';
import type { LogRecord } from '../../src/core/log/record.ts';
import type { Clock } from '../../src/core/ports/clock.ts';
import type { ObjectStore } from '../../src/core/ports/objects.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import type { Store } from '../../src/core/ports/store.ts';
import type { ReplicaDeps } from '../../src/core/replica/deps.ts';
import { homeOf } from '../../src/core/replica/move-home.ts';
import { KeyMissing } from '../../src/core/replica/key-missing.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import { BodyUnavailable, type Workspace } from '../../src/core/replica/workspace.ts';
import { createFileTreeSource, type FileTreeSource } from '../../src/sources/file-tree/file-tree-source.ts';
import { createMemoryDisk, type MemoryDisk } from '../../src/sources/files/memory-disk.ts';
import { createMemoryFiles } from '../../src/sources/files/memory-files.ts';
import { createTestMachine } from '../doubles/machine.ts';
import { createFailingObjects, createFailingStore, createFaults, DiskFull, type Faults } from './faults.ts';
import { RULES } from './names.ts';
import { createLink, type Link, type Mail, type SimRandom, type Weather } from './network.ts';
import type { SimPlace } from './places.ts';
import { placed, Witness, wordsIn } from './witness.ts';

/** Of a remote without a server, where each may go wrong. */
const REQUESTS_A_CALL = 4;

export interface SimMachineOptions {
  readonly name: string;
  readonly seed: string;
  readonly store: Store;
  readonly objects: ObjectStore;
  /** Where logs can be kept, by address. */
  readonly places: ReadonlyMap<string, SimPlace>;
  /** Where the machine was told that the space is at home. */
  readonly home: string;
  readonly random: SimRandom;
  readonly mail: Mail;
  readonly foldsCase: boolean;
  readonly keepsModes: boolean;
  /** Whether it begins with a checkpoint where it can, and fetches the history behind it later. */
  readonly takesCheckpoints: boolean;
  readonly pageRecords: number;
  /** The time of the world, which goes on with each look at it. */
  worldTime(): number;
  expectsDivergence(): boolean;
  /** Whether a home lost bodies that their authors may have yet to bring again. */
  mayLackBodies(): boolean;
  note(what: string): void;
  /** Whoever runs the network sees what is sent. */
  readonly onSent: (records: readonly LogRecord[]) => void;
  /** The machine whose store was copied: this one believes to be it. */
  readonly copyOf?: SimMachine;
}

/** One machine: a disk, a store and objects that outlive it, and a process that may die at any moment. */
export class SimMachine {
  readonly name: string;
  readonly disk: MemoryDisk;
  readonly foldsCase: boolean;
  readonly keepsModes: boolean;
  readonly takesCheckpoints: boolean;
  readonly weather: Weather = { up: true, loss: 0 };
  readonly faults: Faults;
  readonly link: Link;
  readonly witness: Witness;
  readonly clock: Clock;
  /** What its workers believe that they hold. */
  readonly leases = new Map<string, Lease>();
  /** The store as it lies on the disk, without faults. */
  readonly store: Store;
  /** The same of its objects. */
  readonly objects: ObjectStore;
  deps!: ReplicaDeps;
  replica!: Replica;
  workspace!: Workspace;
  source!: FileTreeSource;
  /** The home remote's address, as the machine knows it. */
  home: string;
  /** What its process has open, by address. */
  readonly #remotes = new Map<string, Remote>();
  /** The term whose move was followed last. */
  #followed: number | null = null;
  /** Milliseconds that this machine's clock is off. */
  skew = 0;
  /** What happens to the home while it is read and written, if anything. */
  onTouch: ((path: string) => void) | null = null;
  readonly #options: SimMachineOptions;

  /** Whether the home is in a state that its owner has yet to put right. */
  expectsDivergence(): boolean {
    return this.#options.expectsDivergence();
  }

  private constructor(options: SimMachineOptions) {
    this.#options = options;
    this.name = options.name;
    this.foldsCase = options.foldsCase;
    this.keepsModes = options.keepsModes;
    this.takesCheckpoints = options.takesCheckpoints;
    this.objects = options.objects;
    this.store = options.store;
    const note = (what: string): void => options.note(`${options.name}: ${what}`);
    this.faults = createFaults(note);
    this.clock = {
      now: () => options.worldTime() + this.skew,
      sleep: async () => undefined,
    };
    this.disk = createMemoryDisk({ foldsCase: options.foldsCase, now: () => this.clock.now() });
    this.disk.restoreRoot();
    this.witness = new Witness(options.name, this.disk, note);
    this.home = options.home;
    this.link = this.linkTo(() => this.home);
  }

  static async create(options: SimMachineOptions): Promise<SimMachine> {
    const machine = new SimMachine(options);
    const deps = await createTestMachine({
      name: options.name,
      seed: options.seed,
      store: createFailingStore(options.store, machine.faults),
      objects: createFailingObjects(options.objects, machine.faults),
      clock: machine.clock,
    });
    const { copyOf } = options;
    machine.deps = copyOf === undefined ? deps : { ...deps, machine: copyOf.deps.machine, wrapping: copyOf.deps.wrapping };
    return machine;
  }

  /** Whether the machine has ever read the space's log. */
  get hasLog(): boolean {
    return this.replica.position >= 0;
  }

  /** Whether it was ever given the space's keys. */
  get hasKeys(): boolean {
    const { members, removed } = this.replica.membership;
    return members.has(this.replica.machine) || removed.has(this.replica.machine);
  }

  /** The network between this machine and one of the places. */
  linkTo(address: () => string): Link {
    const { places, random, mail, name, pageRecords, onSent } = this.#options;
    const { faults, weather } = this;
    const remote = (): Remote => {
      const at = address();
      const place = places.get(at);
      if (place === undefined) throw new Error(`there is no place ${at}`);
      if (place.isServed) return place.remote;
      const open = this.#remotes.get(at) ?? place.connect(() => weather.loss / REQUESTS_A_CALL);
      this.#remotes.set(at, open);
      return open;
    };
    return createLink({
      remote,
      faults,
      random,
      weather,
      mail,
      pageRecords,
      onSent,
      note: (what) => this.#options.note(`${name}: ${what}`),
    });
  }

  /**
   * As a node does: where the log says that its home is, the machine goes. What a move says counts once: an invitation that
   * comes later may lead elsewhere.
   */
  async followHome(): Promise<void> {
    if (!this.hasLog || !this.replica.canWrite || this.replica.term === this.#followed) return;
    this.#followed = this.replica.term;
    const said = await homeOf(this.replica);
    if (said === null || said === this.home) return;
    this.#options.note(`${this.name}: follows the home to ${said}`);
    this.home = said;
  }

  /** A new process on what the disk holds. */
  async boot(space: SpaceId): Promise<void> {
    this.faults.revive();
    this.#remotes.clear();
    const head = await this.store.read((tx) => tx.logs.head(space));
    this.replica = head === null ? Replica.create(this.deps, space) : await Replica.open(this.deps, space);
    this.replica.setRemote(this.link);
    await this.followHome();
    const { disk, faults, foldsCase, keepsModes } = this;
    const files = createMemoryFiles(
      {
        foldsCase,
        keepsModes,
        onMutation: ({ type, path }, phase) => {
          faults.point(`${type} ${path}`, phase === 'before' ? 'before' : 'after');
          this.onTouch?.(path);
        },
        onRead: (path) => this.onTouch?.(path),
      },
      disk,
    );
    const workspace = createReplicaWorkspace(this.replica, { writer: 'home', covers: () => true });
    this.workspace = this.witness.watch(workspace, this.replica);
    this.source = createFileTreeSource({
      files,
      workspace: this.workspace,
      rules: RULES,
      clock: this.clock,
      log: { info: () => undefined, warn: () => undefined },
      seen: workspace.kept,
    });
    const { bodies } = this.replica;
    const digestOf = this.hasLog && this.hasKeys ? bodies.digestOf.bind(bodies) : undefined;
    for (const view of (await this.store.read((tx) => tx.views.list(space, 'home'))).values()) {
      this.witness.noteShown(view.item.name, view.shown, digestOf);
    }
  }

  /** The user means it: what these files showed is taken away. */
  async noteShownAsRemoved(names: readonly string[]): Promise<void> {
    for (const { item, shown } of (await this.workspace.views()).values()) {
      if (shown === null || !names.includes(item.name)) continue;
      // What was erased meanwhile was taken away with the forgetting.
      if (shown.pieces.some(({ object }) => this.replica.droppedObject(object) === 'erased')) continue;
      for (const word of wordsIn(await this.replica.bodies.read(shown))) this.witness.removed.add(placed(item.name, word));
    }
  }

  /** Runs one action of this machine. What may go wrong by itself is noted; a death is followed by a new start. */
  async run(action: string, work: () => Promise<unknown>): Promise<'ok' | 'failed' | 'died'> {
    this.link.resetCalls();
    try {
      await work();
    } catch (error) {
      if (!this.faults.dead) {
        if (!isExpected(error) && !(this.#options.mayLackBodies() && isWithheld(error))) throw error;
        this.#options.note(`${this.name}: ${action} fails: ${(error as Error).message}`);
        return 'failed';
      }
    }
    if (!this.faults.dead) {
      await this.followHome();
      return 'ok';
    }
    await this.boot(this.replica.space);
    return 'died';
  }
}

/** What callers of the core have to live with. */
function isExpected(error: unknown): boolean {
  if (error instanceof RemoteError) return error.type === 'unreachable';
  if (error instanceof BodyUnavailable) return error.reason === 'offline';
  return error instanceof DiskFull || error instanceof KeyMissing || (error instanceof Error && error.name === 'NotAllowed');
}

/** A restored home lost bodies, until who has them comes by: the owner, or their author. At the end none may be missing. */
function isWithheld(error: unknown): boolean {
  return error instanceof BodyUnavailable && error.reason === 'withheld';
}
