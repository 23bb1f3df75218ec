import type { SpaceId } from '../../src/core/ids.ts';
import { decodeRecord, EMPTY_HEAD, type LogRecord } from '../../src/core/log/record.ts';
import type { Store } from '../../src/core/ports/store.ts';
import type { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { MemoryDisk } from '../../src/sources/files/memory-disk.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { foundSpace } from '../doubles/machine.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { copyStore, takeStore } from './emptied-stores.ts';
import { SimMachine } from './machine.ts';
import type { Mail, SimRandom } from './network.ts';
import { openBucketPlace } from './bucket-place.ts';
import { openGitPlace } from './git-place.ts';
import { openHubPlace, type PlaceKind, type SimPlace } from './places.ts';
import { familyOf, keeps, type Family } from './families.ts';
import type { Role } from '../../src/core/log/control.ts';
import type { ContentDigest, RecordHash } from '../../src/core/ids.ts';
import type { ForgetTarget } from '../../src/core/replica/forget.ts';
import type { ObjectStore } from '../../src/core/ports/objects.ts';
import { createWords, type Words } from './user.ts';

/** Everything that one schedule is about. All chance comes from its seed. */
export interface World {
  readonly seed: number;
  readonly random: SimRandom;
  readonly words: Words;
  readonly mail: Mail;
  readonly places: Map<string, SimPlace>;
  /** A move of the home that may not be finished. */
  moving: { readonly from: string; readonly to: string } | null;
  /** Whether the home was restored from a backup, and its owner has not brought it back yet. */
  restored: boolean;
  /** Whether that ever happened. */
  everRestored: boolean;
  readonly space: SpaceId;
  readonly machines: SimMachine[];
  /** Members by their machines' index: who was revoked is `false`. */
  readonly member: boolean[];
  /** What each member may do, by its machine's index, as last administered. */
  readonly roles: Role[];
  /** What was to be forgotten, whether or not the erase record came to be. */
  readonly forgets: ForgetTarget[];
  /** Bodies that prune and erase records let go, whether or not those fell with a home later. */
  readonly letGo: Set<ContentDigest>;
  /** Forged records, and what is wrong with each: no machine may take them for good. */
  readonly forged: Map<RecordHash, string>;
  /** Records that were sent, whether or not they arrived. */
  readonly sent: LogRecord[];
  readonly trace: string[];
  readonly character: Character;
  /** Everything that was ever put at a place of logs, deleted or not. */
  readonly archive: ObjectStore;
  addMachine(): Promise<SimMachine>;
  /** The whole disk of a machine on another one, which wakes up as the same. */
  copyMachine(original: SimMachine): Promise<void>;
  /** A new, empty place where a log can be kept. */
  addPlace(): Promise<string>;
  /** The place loses all records behind `position`, and the objects that only they name. */
  restorePlace(address: string, position: number): Promise<void>;
  passTime(ms: number): void;
  close(): Promise<void>;
}

/** What sort of a schedule it is. */
export interface Character {
  readonly family: Family;
  readonly machines: number;
  readonly steps: number;
  /** Chance that an action meets a crash, a full disk, a user who goes on writing meanwhile. */
  readonly crashes: number;
  readonly fullDisks: number;
  readonly meddling: number;
  readonly loss: number;
  /** Newest bodies of each item that a prune leaves. */
  readonly keep: number;
  /** Records that remotes hand out at once. */
  readonly pageRecords: number;
}

const OPENERS = { hub: openHubPlace, bucket: openBucketPlace, git: openGitPlace } as const;

export async function createWorld(seed: number, kind: PlaceKind = 'hub'): Promise<World> {
  const random = createSeededRandom(`simulation/${seed}`);
  const family = familyOf(seed);
  const character: Character = {
    family,
    machines: 2 + random.below(3),
    steps: (family === 'common' ? 12 : 25) + random.below(60),
    crashes: [0, 0.1, 0.3][random.below(3)] as number,
    fullDisks: [0, 0, 0.05][random.below(3)] as number,
    meddling: [0, 0.1, 0.4][random.below(3)] as number,
    loss: [0, 0.05, 0.25][random.below(3)] as number,
    keep: [1, 1, 3][random.below(3)] as number,
    pageRecords: [2, 7, 512][random.below(3)] as number,
  };
  const trace: string[] = [];
  const note = (what: string): void => {
    trace.push(what);
  };
  let time = 1_750_000_000_000;
  const worldTime = (): number => (time += 1);
  const stores: SqliteStore[] = [];
  const noted = (store: SqliteStore): SqliteStore => {
    stores.push(store);
    return store;
  };
  const openStore = async (): Promise<SqliteStore> => noted(await takeStore());
  const mail: Mail = { late: [] };
  const places = new Map<string, SimPlace>();
  const archive = createObjectStoreDouble();
  const openPlace = async (address: string): Promise<SimPlace> => {
    const deps = { address, random, now: worldTime, openStore, archive };
    const place = await OPENERS[kind](deps);
    places.set(address, place);
    return place;
  };
  const hub = await openPlace('sim:hub-0');
  const sent: LogRecord[] = [];
  const machines: SimMachine[] = [];
  const createMachine = async (store: Store, copyOf?: SimMachine): Promise<SimMachine> => {
    const machine = await SimMachine.create({
      name: String.fromCharCode(65 + machines.length),
      seed: `simulation/${seed}`,
      store,
      objects: createObjectStoreDouble(),
      places,
      home: (copyOf ?? machines[0])?.home ?? hub.address,
      random,
      mail,
      foldsCase: copyOf?.foldsCase ?? random.chance(0.35),
      keepsModes: copyOf?.keepsModes ?? random.chance(0.8),
      takesCheckpoints: random.chance(0.7),
      pageRecords: character.pageRecords,
      worldTime,
      expectsDivergence: () => world.moving !== null || world.restored,
      // Or it was dropped by a record that the machine has yet to read.
      mayLackBodies: () => world.moving !== null || world.everRestored || keeps(family),
      note,
      onSent: (records) => sent.push(...records),
      ...(copyOf === undefined ? {} : { copyOf }),
    });
    machines.push(machine);
    return machine;
  };

  const founder = await createMachine(await openStore());
  const { space } = await foundSpace(founder.deps, hub.remote);
  await founder.boot(space);
  const world: World = {
    seed,
    random,
    words: createWords(random),
    mail,
    places,
    moving: null,
    restored: false,
    everRestored: false,
    space,
    machines,
    member: [true],
    roles: ['owner'],
    forgets: [],
    letGo: new Set(),
    forged: new Map(),
    sent,
    trace,
    character,
    archive,
    async addMachine() {
      const machine = await createMachine(await openStore());
      world.member.push(false);
      world.roles.push('writer');
      await machine.boot(space);
      return machine;
    },
    async copyMachine(original) {
      const machine = await createMachine(noted(await copyStore(original.store)), original);
      const index = machines.indexOf(original);
      world.member.push(world.member[index] === true);
      world.roles.push(world.roles[index] as Role);
      for await (const { id } of original.objects.list(space)) {
        const bytes = (await original.objects.get(space, [id])).get(id);
        if (bytes !== undefined) await machine.objects.put(space, [{ id, bytes }]);
      }
      for (const path of original.disk.paths()) copyPath(original.disk, machine.disk, path);
      await machine.boot(space);
    },
    addPlace: async () => (await openPlace(`sim:hub-${places.size}`)).address,
    async restorePlace(address, position) {
      const place = places.get(address);
      if (place === undefined) throw new Error(`there is no place ${address}`);
      const { records } = await place.remote.read(space, 0, { records: position + 1, bytes: Number.MAX_SAFE_INTEGER });
      const kept = records.map(expectRecord);
      await place.clear();
      const { remote } = place;
      for (const record of kept) {
        const objects = await archive.get(space, record.header.objects);
        await remote.putObjects(
          space,
          [...objects].map(([id, bytes]) => ({ id, bytes })),
        );
        await remote.append(space, (await remote.head(space)) ?? EMPTY_HEAD, { records: [record], objects: [] });
      }
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

function copyPath(from: MemoryDisk, to: MemoryDisk, path: string): void {
  const entry = from.get(path);
  if (entry?.type === 'folder') to.makeFolder(path);
  else if (entry?.type === 'link') to.link(path, entry.target);
  else if (entry?.type === 'file') to.write(path, entry.body, from.stat(path)?.mode);
}

function expectRecord(bytes: Uint8Array): LogRecord {
  const record = decodeRecord(bytes);
  if (!record.ok) throw new Error(record.error);
  return record.value;
}
