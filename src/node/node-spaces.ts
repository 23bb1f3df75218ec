import type { SpaceId } from '../core/ids.ts';
import { NotAllowed } from '../core/replica/administer.ts';
import { Mutex } from '../core/replica/mutex.ts';
import { claudeMemKind } from '../kinds/claude-mem/claude-mem-kind.ts';
import { createLastLook } from './claude-mem/last-look.ts';
import type { IdleMemory } from './idle-memory.ts';
import { followMove } from './move-space.ts';
import type { SatchelNode } from './node.ts';
import { openSpace, type OpenSpace } from './open-space.ts';
import { followOwnName } from './own-name.ts';
import { putRemote } from './remote-registry.ts';
import { endSpace, runSpace, watchRows, type RunSpaceDeps } from './run-space.ts';
import type { Served } from './serve-node.ts';
import { PERSONAL, putSpace, removeSpace, type SpaceEntry } from './space-registry.ts';
import type { ThreadPool } from './threads/thread-pool.ts';
import type { WakeReason } from './wake-watch.ts';
import type { WipeErased } from './wipe-erased.ts';

export interface NodeSpacesDeps {
  readonly memory: IdleMemory;
  readonly wipeErased: WipeErased;
  readonly fileThreads: ThreadPool | null;
  /** Aborts when the node ends. */
  readonly stopped: AbortSignal;
  /** What the node serves others with; `null` while it does not. */
  readonly served: () => Served | null;
}

/** The spaces of a node: opened, run, replaced where their home, or what they carry, changes, and ended. */
export class NodeSpaces {
  readonly all = new Map<SpaceId, OpenSpace>();
  readonly #node: SatchelNode;
  readonly #deps: NodeSpacesDeps;
  readonly #updates = new Mutex();
  /** Settled when the last space that was opened anew is there. */
  #reopening: Promise<void> = Promise.resolve();

  constructor(node: SatchelNode, deps: NodeSpacesDeps) {
    this.#node = node;
    this.#deps = deps;
  }

  /** Opens a space that is registered. */
  async open(entry: SpaceEntry): Promise<OpenSpace> {
    const node = this.#node;
    const { memory, fileThreads, wipeErased } = this.#deps;
    const { config, deps, log, memRows } = node;
    const open = await openSpace(entry, {
      config,
      deps,
      log,
      memory,
      fileThreads,
      memRows,
      isLive: () => node.isLive,
      openRemote: () => node.openRemote(entry),
      onSynced: async (replica) => {
        await node.recall.obeyErasures(replica);
        await wipeErased.synced(replica);
        await followOwnName(node).catch((error: unknown) => log.warn({ error: String(error) }, 'its new name could not be written down'));
      },
      onElsewhere: () => void setImmediate(() => void this.#followMove(entry.space)),
      onSettings: () => void setImmediate(() => void this.#followRows(entry.space)),
      onSyncFailure: (type) => node.meter.syncFailures.add(1, type),
    });
    this.all.set(entry.space, open);
    // Other members' rows: from the first on they have a place here.
    open.replica.onChange((items) => {
      if (open.rows.length === 0 && items.some(({ kind }) => kind === claudeMemKind.id)) setImmediate(() => void this.#attachRows(open));
    });
    return open;
  }

  /** See {@link SatchelNode.addSpace}. */
  async add(entry: SpaceEntry): Promise<OpenSpace> {
    // All hubs on it would open it, and act as one machine at once.
    if (this.#node.shared !== null) throw new NotAllowed('a hub whose store others share keeps no spaces of its own');
    await putSpace(this.#node.store, entry);
    const open = await this.open(entry);
    if (this.#node.isLive) this.run(open);
    return open;
  }

  /** See {@link SatchelNode.updateSpace}. */
  update(entry: SpaceEntry): Promise<OpenSpace> {
    return this.#updates.run(() => this.#update(entry));
  }

  /** See {@link SatchelNode.reopenChanged}. */
  reopenChanged(space: SpaceId): Promise<boolean> {
    return this.#updates.run(async () => {
      const open = this.all.get(space);
      if (open === undefined || this.#deps.stopped.aborted) return false;
      const wanted = await this.#node.memRows.definitions(open.entry.name, open.rowNames);
      if (JSON.stringify(wanted) === JSON.stringify(open.rows.map(({ definition }) => definition))) return false;
      await this.#update(open.entry);
      return true;
    });
  }

  /** See {@link SatchelNode.reopened}. */
  async reopened(): Promise<void> {
    await this.#reopening;
  }

  async drop(space: SpaceId): Promise<void> {
    const open = this.all.get(space);
    if (open !== undefined) await this.#close(open);
    await removeSpace(this.#node.store, space);
  }

  /** Lets it sync and watch by itself. */
  run(open: OpenSpace): void {
    const { log, deps, config, store, claudeMemFeeds: feeds, claudeMemWorker: worker, memRows } = this.#node;
    runSpace(open, this.#running());
    const served = this.#deps.served();
    if (served === null || config.hub || open.entry.name !== PERSONAL) return;
    const scope = { ...memRows.scopeFor(PERSONAL, open.rowNames), choices: JSON.stringify(memRows.choices) };
    const lastLook = createLastLook(this.#node, open);
    const { bridge, claudeMem: gateway } = served;
    open.watches.push(
      bridge({ store, clock: deps.clock, feeds, log, worker, scope, lastLook, gateway }, open.replica, open.watching.signal),
    );
  }

  wakeUp(reason: WakeReason): void {
    const { log } = this.#node;
    for (const { entry, runner } of this.all.values()) {
      // What is ordered here needs no network, and serves others.
      if (entry.remote === null) continue;
      runner.wakeUp(reason).catch((error: unknown) => log.error({ error: String(error) }, 'a connection could not be dropped'));
    }
  }

  /** One that is being opened anew is there in full, then. */
  async settled(): Promise<void> {
    await this.#updates.run(() => Promise.resolve());
  }

  async closeAll(): Promise<void> {
    for (const open of [...this.all.values()]) await this.#close(open);
  }

  #update(entry: SpaceEntry): Promise<OpenSpace> {
    const replaced = this.#replace(entry);
    const over = replaced.then(
      () => undefined,
      () => undefined,
    );
    this.#reopening = over;
    return replaced;
  }

  async #replace(entry: SpaceEntry): Promise<OpenSpace> {
    const before = this.all.get(entry.space);
    if (before !== undefined) {
      if (before.entry.remote?.address !== entry.remote?.address) {
        await this.#node.invitations.withdrawAll(entry.space);
        await this.#keepRemote(before);
      }
      await this.#close(before);
    }
    return this.add(entry);
  }

  /** Where a space was, it may come again: a hub is known by the key that its invitation proved. Not what another member is itself. */
  async #keepRemote({ entry, replica }: OpenSpace): Promise<void> {
    const { remote } = entry;
    if (remote === null || replica.term === null) return;
    const isMembers = [...replica.membership.members.keys()].some((member) => member === remote.hubKey);
    const { store, deps } = this.#node;
    if (!isMembers) await putRemote(store, { descriptor: remote, addedAt: deps.clock.now() });
  }

  async #close(open: OpenSpace): Promise<void> {
    this.all.delete(open.entry.space);
    await endSpace(open, this.#node.log);
  }

  #running(): RunSpaceDeps {
    const { deps, log } = this.#node;
    return { clock: deps.clock, log, touch: () => this.#deps.memory.touch() };
  }

  /** While the space goes on: nobody's sync is broken off for it. */
  async #attachRows(open: OpenSpace): Promise<void> {
    try {
      await this.#updates.run(async () => {
        if (open.rows.length > 0 || this.all.get(open.entry.space) !== open || this.#deps.stopped.aborted) return;
        await open.attachRows();
        for (const { source } of open.rows) await source.apply();
        if (this.#node.isLive) watchRows(open, this.#running());
      });
    } catch (error) {
      this.#log(error, 'rows of claude-mem could not be put in place');
    }
  }

  /** claude-mem's worker may sync by another way now, whoever said so: then its source carries more, or less. */
  async #followRows(space: SpaceId): Promise<void> {
    try {
      await this.reopenChanged(space);
    } catch (error) {
      this.#log(error, 'what is carried of claude-mem could not be changed');
    }
  }

  /** Runs after the sync that found it, since it replaces the runner that synced. */
  async #followMove(space: SpaceId): Promise<void> {
    if (this.#deps.stopped.aborted) return;
    try {
      await followMove(this.#node, space);
    } catch (error) {
      this.#log(error, 'the move of the home remote could not be followed');
    }
  }

  #log(error: unknown, what: string): void {
    this.#node.log.error({ error: error instanceof Error ? error.stack : String(error) }, what);
  }
}
