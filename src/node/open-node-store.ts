import path from 'node:path';
import type { Config } from '../config/config.ts';
import type { ReplicaDeps } from '../core/replica/deps.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { createKindRegistry } from '../kinds/registry.ts';
import { createFolderObjects, type FolderObjects } from '../store/chunks/folder-objects.ts';
import { createSqliteStore, type SqliteStore } from '../store/sqlite/sqlite-store.ts';
import { createZstd } from '../store/zstd.ts';
import { createAgeKeyWrapping } from './age-key-wrapping.ts';
import { settleCopy, type CopyAnswer } from './copied-store/settle-copy.ts';
import type { NodeHome } from './home.ts';
import { createKeptKeyWrapping } from './kept-key-wrapping.ts';
import { loadMachineIdentity } from './machine-identity.ts';
import { createNodeLog } from './node-log.ts';
import { createSystemClock, createSystemRandom } from './system.ts';
import { createThreadPool, threadScript } from './threads/thread-pool.ts';
import { createThreadedSealing } from './threads/threaded-sealing.ts';

/** Large bodies are encrypted and decrypted on so many threads. */
const SEALING_THREADS = 2;

/** What a node keeps, and what it acts with. */
export interface NodeStore {
  readonly store: SqliteStore;
  readonly objects: FolderObjects;
  readonly deps: ReplicaDeps;
  readonly log: HubLog;
}

/** Opens the store in a home that is locked (made if new), as the machine that it belongs to. */
export async function openNodeStore(config: Config, home: NodeHome, copy: CopyAnswer | undefined): Promise<NodeStore> {
  const random = createSystemRandom();
  const wrapping = createAgeKeyWrapping();
  const log = createNodeLog(home.log, config.logLevel);
  const store = await createSqliteStore({ path: home.store, checksNesting: false });
  const isCopy = await settleCopy(home, store, {
    random,
    clock: createSystemClock(),
    wrapping,
    isHub: config.hub,
    answer: copy,
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
  return { store, objects, deps, log };
}
