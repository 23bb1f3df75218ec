import type { SpaceId } from '../../src/core/ids.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { Store } from '../../src/core/ports/store.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { foundSpace } from '../doubles/machine.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { SimMachine } from './machine.ts';
import type { Mail, SimRandom } from './network.ts';
import { createWords, type Words } from './user.ts';

/** Everything that one schedule is about. All chance comes from its seed. */
export interface World {
  readonly seed: number;
  readonly random: SimRandom;
  readonly words: Words;
  readonly mail: Mail;
  readonly hub: Remote;
  readonly space: SpaceId;
  readonly machines: SimMachine[];
  /** Members by their machines' index: who was revoked is `false`. */
  readonly member: boolean[];
  readonly trace: string[];
  readonly character: Character;
  addMachine(): Promise<SimMachine>;
  passTime(ms: number): void;
  close(): Promise<void>;
}

/** What sort of a schedule it is. */
export interface Character {
  readonly machines: number;
  readonly steps: number;
  /** Chance that an action meets a crash, a full disk, a user who goes on writing meanwhile. */
  readonly crashes: number;
  readonly fullDisks: number;
  readonly meddling: number;
  readonly loss: number;
}

export async function createWorld(seed: number): Promise<World> {
  const random = createSeededRandom(`simulation/${seed}`);
  const character: Character = {
    machines: 2 + random.below(3),
    steps: 12 + random.below(60),
    crashes: [0, 0.1, 0.3][random.below(3)] as number,
    fullDisks: [0, 0, 0.05][random.below(3)] as number,
    meddling: [0, 0.1, 0.4][random.below(3)] as number,
    loss: [0, 0.05, 0.25][random.below(3)] as number,
  };
  const trace: string[] = [];
  const note = (what: string): void => {
    trace.push(what);
  };
  let time = 1_750_000_000_000;
  const worldTime = (): number => (time += 1);
  const stores: Store[] = [];
  const openStore = async (): Promise<Store> => {
    const store = await createSqliteStore({ path: ':memory:' });
    stores.push(store);
    return store;
  };
  const mail: Mail = { late: [] };
  const hub = createLocalRemote({
    store: await openStore(),
    objects: createObjectStoreDouble(),
    clock: { now: worldTime, sleep: async () => undefined },
    address: 'sim:hub',
  });
  const machines: SimMachine[] = [];
  const createMachine = async (): Promise<SimMachine> => {
    const machine = await SimMachine.create({
      name: String.fromCharCode(65 + machines.length),
      seed: `simulation/${seed}`,
      store: await openStore(),
      objects: createObjectStoreDouble(),
      remote: hub,
      random,
      mail,
      foldsCase: random.chance(0.35),
      keepsModes: random.chance(0.8),
      worldTime,
      note,
    });
    machines.push(machine);
    return machine;
  };

  const founder = await createMachine();
  const { space } = await foundSpace(founder.deps, hub);
  await founder.boot(space);
  const world: World = {
    seed,
    random,
    words: createWords(random),
    mail,
    hub,
    space,
    machines,
    member: [true],
    trace,
    character,
    async addMachine() {
      const machine = await createMachine();
      world.member.push(false);
      await machine.boot(space);
      return machine;
    },
    passTime(ms) {
      time += ms;
    },
    async close() {
      for (const store of stores) await store.close();
    },
  };
  return world;
}
