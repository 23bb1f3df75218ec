import { sha256 } from '../../src/core/crypto/hash.ts';
import type { Item } from '../../src/core/item.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import type { ReplicaDeps } from '../../src/core/replica/deps.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import type { CaptureReport, Workspace } from '../../src/core/replica/workspace.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createTestMachine, foundSpace } from '../doubles/machine.ts';

const NOTE = { message: '', writer: 'test' };

/** One machine of a small space: its replica, and a writer's window that captures single bodies. */
export class SmallMachine {
  replica: Replica;
  workspace: Workspace;
  readonly deps: ReplicaDeps;
  readonly hub: Remote;

  constructor(replica: Replica, deps: ReplicaDeps, hub: Remote) {
    this.deps = deps;
    this.hub = hub;
    this.replica = replica;
    this.replica.setRemote(hub);
    this.workspace = createReplicaWorkspace(replica, { writer: 'home', covers: () => true });
  }

  /** A new process on the same store. `offline`: no remote can be asked. */
  async restart(offline = false): Promise<void> {
    this.replica = await Replica.open(this.deps, this.replica.space);
    this.replica.setRemote(offline ? null : this.hub);
    this.workspace = createReplicaWorkspace(this.replica, { writer: 'home', covers: () => true });
  }

  write(item: Item, body: string): Promise<CaptureReport> {
    return this.workspace.capture([{ type: 'body', item, attributes: {}, body: Buffer.from(body), local: null }], NOTE);
  }

  /** Adds to what the view shows, as a source that reads only the new end of a file. */
  async append(item: Item, tail: string): Promise<CaptureReport> {
    const shown = [...(await this.workspace.views()).values()].find((v) => v.item.name === item.name)?.shown ?? null;
    if (shown === null) throw new Error('nothing to append to');
    const whole = Buffer.concat([await this.workspace.read(item, shown), Buffer.from(tail)]);
    return this.workspace.capture(
      [{ type: 'tail', item, attributes: {}, baseSize: shown.size, tail: Buffer.from(tail), sha256: sha256(whole), local: null }],
      NOTE,
    );
  }

  async remove(item: Item): Promise<CaptureReport> {
    return this.workspace.capture([{ type: 'absent', item }], NOTE);
  }

  /** Takes all that is outstanding as shown. */
  async apply(): Promise<void> {
    const outstanding = await this.workspace.outstanding();
    await this.workspace.intend(outstanding);
    await this.workspace.applied(outstanding.map(({ item, content }) => ({ item, content, local: null })));
  }

  /** What the space holds of an item by now, drafts included. */
  async read(item: Item): Promise<string | null> {
    const content = (await this.replica.visible([item])).values().next().value?.content ?? null;
    return content === null ? null : Buffer.from(await this.replica.bodies.read(content)).toString();
  }

  /** All bodies of an item that its log ever held, siblings and collapsed ones included, oldest first. */
  async history(item: Item): Promise<string[]> {
    const entries = await this.deps.store.read((tx) => tx.items.history(this.replica.space, item, { limit: 10_000 }));
    const bodies: string[] = [];
    for (const { content } of entries.toReversed()) {
      if (content !== null) bodies.push(Buffer.from(await this.replica.bodies.read(content)).toString());
    }
    return bodies;
  }
}

export interface SmallSpace {
  readonly hub: Remote;
  readonly owner: SmallMachine;
  /** A further machine that knows nothing yet; `invite` lists it. */
  machine(name: string): Promise<SmallMachine>;
  invite(machine: SmallMachine): Promise<void>;
}

/** An empty place where a log can be kept. */
export async function openHub(): Promise<Remote> {
  const store = await createSqliteStore({ path: ':memory:' });
  return createLocalRemote({ store, objects: createObjectStoreDouble(), clock: createTestClock(), address: 'test:hub' });
}

/** A space with its owner, on a hub in memory, or whose log the owner keeps itself. */
export async function createSmallSpace(seed: string, { keptBy = 'hub' }: { readonly keptBy?: 'hub' | 'owner' } = {}): Promise<SmallSpace> {
  const clock = createTestClock();
  const openStores = async () => ({ store: await createSqliteStore({ path: ':memory:' }), objects: createObjectStoreDouble() });
  const depsOf = async (name: string) => createTestMachine({ name, seed, ...(await openStores()), clock });
  const ownerDeps = await depsOf('owner');
  const { store, objects } = keptBy === 'owner' ? ownerDeps : await openStores();
  const hub = createLocalRemote({ store, objects, clock, address: 'test:hub' });
  const owner = new SmallMachine(await foundSpace(ownerDeps, hub), ownerDeps, hub);
  return {
    hub,
    owner,
    async machine(name) {
      const deps = await depsOf(name);
      return new SmallMachine(Replica.create(deps, owner.replica.space), deps, hub);
    },
    async invite({ deps }) {
      await addMember(owner.replica, hub, {
        machine: deps.machine.key.machine,
        recipient: deps.machine.recipient,
        role: 'writer',
        account: null,
        name: deps.machine.name,
      });
    },
  };
}
