import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../../config/config.ts';
import { createSigningKey } from '../../core/crypto/signing.ts';
import { hexToBytes } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { ObjectStore } from '../../core/ports/objects.ts';
import type { Random } from '../../core/ports/random.ts';
import type { Store } from '../../core/ports/store.ts';
import { createFolderObjects } from '../../store/chunks/folder-objects.ts';
import { createSqliteStore } from '../../store/sqlite/sqlite-store.ts';
import { createAgeKeyWrapping } from '../age-key-wrapping.ts';
import { isCopied } from '../copied-store/place-mark.ts';
import { readIdentity, StoreWasCopied } from '../copied-store/settle-copy.ts';
import { openHubObjects } from '../hub-objects.ts';
import type { KeptObjects } from '../kept-store.ts';
import { createNodeLog } from '../node-log.ts';
import { nodeHome, type NodeHome } from '../home.ts';
import { loadMachineIdentity } from '../machine-identity.ts';
import { lockNode } from '../node-lock.ts';
import { removeIndexFile } from '../recall/index-file.ts';
import { saveSettings } from '../save-settings.ts';
import { listSpaces } from '../space-registry.ts';
import { amountOf, compareStores, CopyFailed, copyStore, type OnProgress, type Place, type StoreAmount } from './copy-store.ts';
import { claimForMove, isMoving, isOther, setMoving } from './hub-identity.ts';
import { noteMoved, readMoved } from './moved-store.ts';
import { openSharedStore, probeSharedStore } from './open-shared-store.ts';

export interface MigrateOptions {
  readonly config: Config;
  /** Address of the database. */
  readonly to: string;
  /** Looks whether it could be done, and changes nothing anywhere. */
  readonly isPlan: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly onProgress: OnProgress;
  /** Nothing comes back from the database: it is found to hang where nothing does within so many milliseconds. */
  readonly onSilent?: (limit: number) => void;
}

export interface Migrated extends StoreAmount {
  /** As shown to people. */
  readonly to: string;
  /** It was begun before, and went on. */
  readonly isResumed: boolean;
  readonly isMoved: boolean;
  /** It was done before this: nothing was moved now, and the amount is what the old store holds. `at`: milliseconds, where it was noted. */
  readonly before: { readonly at: number | null } | null;
}

/** What keeps this store from being moved, and what to do. */
export class MigrateRefused extends Error {
  override readonly name = 'MigrateRefused';
  readonly next: string;
  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

/**
 * Moves a hub's embedded store into a database: copies, compares every record and body, and only then switches over. It may
 * be interrupted at any point: until the switch the old store is what counts, from then on the new one. The old one stays
 * where it is, and never serves again. Throws {@link MigrateRefused}, `StoreWasCopied`, {@link CopyFailed}, `StoreUnusable`, `StoreUnavailable`.
 */
export async function migrateStore(options: MigrateOptions): Promise<Migrated> {
  const home = nodeHome(options.config.environment.home);
  if (!existsSync(home.store))
    throw new MigrateRefused(`there is no store in ${home.root}`, 'Name where it is: SATCHEL_HOME=…; a new hub is started on the database');
  const lock = await lockNode(home, 'store migrate', options.clock);
  try {
    // Two hubs with one key would come of it, where the other store goes on.
    if (await isCopied(home)) throw new StoreWasCopied();
    const store = await createSqliteStore({ path: home.store, checksNesting: false });
    try {
      const builtIn = createFolderObjects({ path: home.objects, random: options.random });
      const objects = await bucketOr(builtIn, { ...options, home, store });
      try {
        return await move(home, { store, objects }, objects === builtIn ? null : objects, options);
      } finally {
        await objects.close();
      }
    } finally {
      await store.close();
    }
  } finally {
    lock.release();
  }
}

/** What is in a bucket stays there. */
async function bucketOr(
  builtIn: KeptObjects,
  deps: MigrateOptions & { readonly home: NodeHome; readonly store: Store },
): Promise<ObjectStore> {
  const { objects: _, ...config } = { ...deps.config, hub: true };
  try {
    return await openHubObjects({
      ...deps,
      config,
      builtIn,
      isShared: false,
      probed: null,
      log: createNodeLog(deps.home.log, config.logLevel),
    });
  } catch (error) {
    await builtIn.close();
    throw error;
  }
}

async function move(
  home: NodeHome,
  from: Place,
  bucket: ObjectStore | null,
  { config, to, isPlan, clock, random, onProgress, onSilent }: MigrateOptions,
): Promise<Migrated> {
  const own = await listSpaces(from.store);
  if (own.length > 0)
    throw new MigrateRefused(
      `this node keeps spaces of its own (${own.map(({ name }) => name).join(', ')}), and only a hub’s store can be shared`,
      'Start a hub on the database with a home of its own, and move them there: satchel spaces move --help',
    );
  const moved = await readMoved(home);
  if (moved !== null && moved.to !== to)
    throw new MigrateRefused(
      `this store was moved before, to ${moved.to}`,
      'That one is what counts since then. Start the hub: satchel up',
    );
  const amount = await amountOf(from);
  const hearing = onSilent === undefined ? {} : { onSilent };
  if (isPlan) {
    const probe = await probeSharedStore(to, config, hearing);
    // Whose keys were lost is made none for being asked.
    const identity = await readIdentity(path.join(home.keys, 'machine.json'));
    const machine = identity === null ? null : createSigningKey(hexToBytes(identity.seed)).machine;
    if (probe.keptBy !== null && probe.keptBy !== machine) throw keptByOther(isOther(probe.keptBy, machine));
    if (moved === null && !probe.isMoving && probe.hasLogs) throw holdsLogs();
    const before = probe.isMoving ? null : moved;
    return { ...amount, to: probe.address, isResumed: before === null && probe.isMoving, isMoved: before !== null, before };
  }
  const database = await openSharedStore(to, config, { clock, random, ...hearing });
  try {
    const machine = await loadMachineIdentity(home, { random, wrapping: createAgeKeyWrapping() });
    const other = await claimForMove(database.store, machine.key.machine);
    if (other !== null) throw keptByOther(other);
    const isUnderWay = await isMoving(database.store);
    const before = isUnderWay ? null : moved;
    if (moved === null) {
      if (!isUnderWay && (await database.store.read((tx) => tx.logs.spaces())).length > 0) throw holdsLogs();
      await setMoving(database.store, true);
      const place = { store: database.store, objects: bucket ?? database.objects };
      await copyStore(from, place, amount, onProgress);
      await compareStores(from, place, amount, onProgress);
      await noteMoved(home, { to, at: clock.now() });
    }
    // From here on the old store serves nobody. What is left is said again where it was not said to the end.
    await setMoving(database.store, false);
    // What search finds is indexed anew there.
    await removeIndexFile(home.index);
    await saveSettings(config.file, () => ({ hub: true, store: to }));
    return { ...amount, to: database.address, isResumed: isUnderWay, isMoved: true, before };
  } finally {
    await database.objects.close();
    await database.store.close();
  }
}

const ANOTHER_PLACE = 'Name another one, or another schema: ?schema=NAME';

function holdsLogs(): MigrateRefused {
  return new MigrateRefused('the database holds logs already', ANOTHER_PLACE);
}

function keptByOther(message: string): MigrateRefused {
  return new MigrateRefused(message, ANOTHER_PLACE);
}

export { CopyFailed };
