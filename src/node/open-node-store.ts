import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config/config.ts';
import type { ObjectStore } from '../core/ports/objects.ts';
import type { Store } from '../core/ports/store.ts';
import type { TextIndexPlace } from '../core/ports/text-index.ts';
import type { MachineIdentity, ReplicaDeps } from '../core/replica/deps.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { createKindRegistry } from '../kinds/registry.ts';
import { createFolderObjects } from '../store/chunks/folder-objects.ts';
import type { AppendNotices } from '../store/postgres/append-notices.ts';
import { createSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { StoreUnusable } from '../store/store-unusable.ts';
import { createZstd } from '../store/zstd.ts';
import { createAgeKeyWrapping } from './age-key-wrapping.ts';
import { settleCopy, type CopyAnswer } from './copied-store/settle-copy.ts';
import type { NodeHome } from './home.ts';
import type { KeptObjects, KeptStore } from './kept-store.ts';
import { openHubObjects, type OnBucket } from './hub-objects.ts';
import { claimHub } from './shared-store/hub-identity.ts';
import { refuseMoved, refuseUnmoved } from './shared-store/moved-store.ts';
import { openSharedStore } from './shared-store/open-shared-store.ts';
import { createKeptKeyWrapping } from './kept-key-wrapping.ts';
import { loadMachineIdentity } from './machine-identity.ts';
import { createIndexFile } from './recall/index-file.ts';
import { createNodeLog } from './node-log.ts';
import { createSystemClock, createSystemRandom } from './system.ts';
import { createThreadPool, threadScript } from './threads/thread-pool.ts';
import { createThreadedSealing } from './threads/threaded-sealing.ts';

/** Large bodies are encrypted and decrypted on so many threads. */
const SEALING_THREADS = 2;

/** What a node keeps, and what it acts with. */
export interface NodeStore {
  readonly store: KeptStore;
  readonly objects: KeptObjects;
  /** Where other processes use the same store: what they tell each other. */
  readonly shared: AppendNotices | null;
  /** Of words, for `search`. */
  readonly index: TextIndexPlace;
  readonly deps: ReplicaDeps;
  readonly log: HubLog;
}

/** Opens the store in a home that is locked (made if new), as the machine that it belongs to. */
export async function openNodeStore(
  config: Config,
  home: NodeHome,
  {
    copy,
    probed,
    onBucket,
  }: { readonly copy: CopyAnswer | undefined; readonly probed: string | null; readonly onBucket?: OnBucket | undefined },
): Promise<NodeStore> {
  const random = createSystemRandom();
  const wrapping = createAgeKeyWrapping();
  const log = createNodeLog(home.log, config.logLevel);
  const clock = createSystemClock();
  const kept = config.store === undefined ? await openEmbedded() : await openShared(config.store);
  const { store, objects, machine } = kept;

  async function openEmbedded(): Promise<Kept> {
    await refuseMoved(home);
    const store = await createSqliteStore({ path: home.store, checksNesting: false });
    const isCopy = await settleCopy(home, store, { random, clock, wrapping, isHub: config.hub, answer: copy });
    if (isCopy) log.warn({}, 'this store was copied from another place: it is a new machine from now on');
    const machine = await loadMachineIdentity(home, { random, wrapping });
    const files = [home.store, `${home.store}-wal`];
    const size = async () => (await Promise.all(files.map(sizeOf))).reduce((sum, each) => sum + each, 0);
    const builtIn = createFolderObjects({ path: home.objects, random });
    // Loaded where somebody searches.
    const index = createIndexFile(home.index, async (file) => (await import('./threads/threaded-index.ts')).openThreadedIndex(file));
    try {
      const objects = await openHubObjects({ config, home, store, builtIn, isShared: false, clock, random, log, probed, onBucket });
      return { store: { ...store, place: null, size }, objects, machine, shared: null, index };
    } catch (error) {
      await builtIn.close();
      await store.close();
      throw error;
    }
  }

  async function openShared(address: string): Promise<Kept> {
    if (!config.hub)
      throw new StoreUnusable(
        'refused',
        'only a hub keeps its store in a database, for others: satchel up --hub --store ADDRESS; or set "hub": true',
      );
    await refuseUnmoved(home, address);
    const {
      store,
      objects,
      notices,
      index,
      size,
      address: place,
    } = await openSharedStore(address, config, {
      clock,
      random,
      onHang(problem) {
        if (problem === null) log.info({}, 'the database answers again');
        else log.warn({ error: problem.message }, 'the database does not answer');
      },
    });
    try {
      const machine = await loadMachineIdentity(home, { random, wrapping });
      await claimHub(store, machine.key.machine, home.keys);
      const kept = withUpkeep(store, objects, { place, size });
      const chosen = await openHubObjects({
        config,
        home,
        store,
        builtIn: kept.objects,
        isShared: true,
        clock,
        random,
        log,
        probed,
        onBucket,
      });
      return { store: kept.store, objects: chosen, machine, shared: notices, index };
    } catch (error) {
      await objects.close();
      await store.close();
      throw error;
    }
  }

  const compression = createZstd();
  const script = threadScript();
  const deps: ReplicaDeps = {
    store,
    objects,
    kinds: createKindRegistry(),
    compression,
    sealing: createThreadedSealing({ compression, random, pool: script === null ? null : createThreadPool(script, SEALING_THREADS) }),
    random,
    clock,
    wrapping: createKeptKeyWrapping(wrapping, { file: path.join(home.keys, 'opened.json'), identity: machine.identity }),
    machine,
    log: (event, details) => log.info(details, event),
  };
  return { store, objects, shared: kept.shared, index: kept.index, deps, log };
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

interface Kept {
  readonly store: KeptStore;
  readonly objects: KeptObjects;
  readonly machine: MachineIdentity;
  readonly shared: AppendNotices | null;
  readonly index: TextIndexPlace;
}

/** A database server looks after itself. */
function withUpkeep(
  store: Store,
  objects: ObjectStore,
  about: Pick<KeptStore, 'place' | 'size'>,
): { store: KeptStore; objects: KeptObjects } {
  return {
    store: { ...store, ...about, verify: () => Promise.resolve([]), shrink: () => Promise.resolve(), wipe: () => Promise.resolve() },
    objects: { ...objects, shrink: () => undefined },
  };
}
