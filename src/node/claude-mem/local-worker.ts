import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../core/ports/clock.ts';
import type { Store } from '../../core/ports/store.ts';
import type { Clients } from '../../gateways/claude-mem/clients.ts';
import type { HandedOver } from '../../gateways/claude-mem/handed-over.ts';
import { noteStanding } from '../../gateways/claude-mem/standing-rows.ts';
import type { SyncFeeds } from '../../gateways/claude-mem/sync-feed.ts';
import type { NodeHome } from '../home.ts';
import { markRows } from '../../sources/claude-mem/mark-rows.ts';
import { findStandingElsewhere } from './adopt-served.ts';
import { readForeign } from '../read-foreign.ts';
import { readConnection } from './connection.ts';
import { compareRows, knownOtherwise, marksOf, type ToldFeed } from './compare-rows.ts';
import type { LastLook } from './last-look.ts';
import { importHistory, type ImportReport } from './import-history.ts';
import { ownFeed } from './own-feed.ts';
import { raiseTaken } from './raise-taken.ts';
import { readDeviceId } from './settings-edit.ts';

/** By user: whose rows from before are in the feed. */
export const IMPORTED = 'claude-mem-imported';

interface Imported {
  readonly device: string;
  /** Absent in what versions before 2026-12 noted. */
  readonly connection?: string;
}

export interface LocalWorkerDeps {
  readonly home: NodeHome;
  readonly claudeMemHome: string;
  readonly store: Store;
  readonly feeds: Pick<SyncFeeds, 'push' | 'index'>;
  readonly clients: Pick<Clients, 'wasShown' | 'onShown'>;
}

export const settingsFile = ({ claudeMemHome }: Pick<LocalWorkerDeps, 'claudeMemHome'>): string =>
  path.join(claudeMemHome, 'settings.json');

/** The worker of this machine that `connect` pointed at this very node; `null` for none. `device` is null until it first ran. */
export async function localWorker({ home, claudeMemHome }: Pick<LocalWorkerDeps, 'home' | 'claudeMemHome'>): Promise<{
  readonly user: string;
  readonly device: string | null;
  readonly database: string;
  /** Another one each time that it is connected. */
  readonly connection: string;
} | null> {
  const connection = await readConnection(home);
  if (connection === null || connection.tokenId === null) return null;
  const settings = await readForeign(settingsFile({ claudeMemHome }));
  const device = settings.ok ? readDeviceId(settings.value) : null;
  return { user: connection.user, device, database: path.join(claudeMemHome, 'claude-mem.db'), connection: connection.tokenId };
}

/**
 * Whether what came by other ways may be served to `user` now. This machine's worker has rows that its sync never pushes; they are put
 * into the feed first, or it would be given them a second time. `look`: at its database, before that.
 */
export async function isLocalHistoryServed(
  deps: LocalWorkerDeps & { readonly clock: Clock; readonly handedOver: () => Promise<Pick<HandedOver, 'nameAt'> | null> },
  user: string,
  look: Pick<LastLook, 'take' | 'isTaken'>,
): Promise<boolean> {
  const worker = await localWorker(deps);
  if (worker === null || !existsSync(worker.database)) return true;
  // Connected as another user, its rows are carried from its database: served now, it would be given them again once it is this one's.
  if (worker.device === null || worker.user !== user) return false;
  const isNew = !(await look.isTaken(worker.connection));
  if (isNew) {
    // What is done in its database until it starts again is to be known before anything is served.
    if (!deps.clients.wasShown(worker.connection)) return false;
    await look.take(worker.connection);
  }
  const done = await deps.store.read((tx) => tx.documents.get<Imported>(IMPORTED, user));
  // Connected anew, it may have synced with something else in between: what went there it does not push again.
  if (!isNew && done?.device === worker.device && done.connection === worker.connection) return true;
  const feed = await ownFeed(deps.store, deps.feeds, user);
  if (!(await markOthers(worker.database, worker.device, feed, deps.clock.now()))) return false;
  const index = await deps.feeds.index(user);
  const known = await deps.handedOver();
  const nameAt: HandedOver['nameAt'] = (kind, local) => known?.nameAt(kind, local) ?? Promise.resolve(null);
  await noteStanding(deps.store, user, await findStandingElsewhere(worker.database, worker.device, index, nameAt));
  await importLocalHistory(deps, { ...worker, device: worker.device });
  await raiseTaken(worker.database, worker.device, feed);
  return true;
}

/**
 * Whether rows may go into the feed under the numbers that they have here. Another database may have pushed under its device id (this one was made
 * anew, say, and written again from the space): what it has anyway would be served to it under that one's numbers, and its own rows to others a
 * second time. What the feed tells of it is marked as what it is; what is left is for doctor to name, and for a repair, which gives it another id.
 */
export async function markOthers(database: string, device: string, feed: ToldFeed, now: number): Promise<boolean> {
  const { others, fresh, shared, edited } = await compareRows(database, device, feed);
  const standing = new Set([...shared, ...edited].map(({ kind, local }) => `${kind} ${local}`));
  const isThere = (kind: string, told: { readonly device: string; readonly local: string }): boolean =>
    told.device === device && standing.has(`${kind} ${told.local}`);
  // What says otherwise nobody can judge: it stays this machine's own. What stands under its own number, too, is a double, for a repair.
  const known = (await knownOtherwise([...others, ...fresh], feed)).filter(
    ({ row, told }) => row.state === told.state && !isThere(row.kind, told),
  );
  // Written anew, it may have none of another row's numbers.
  if (others.length === 0 && known.every(({ told }) => told.device !== device)) return true;
  markRows(database, marksOf(known), now);
  return (await compareRows(database, device, feed)).others.length === 0;
}

export async function importLocalHistory(
  deps: LocalWorkerDeps,
  worker: { readonly user: string; readonly device: string; readonly database: string; readonly connection: string },
  onProgress?: (done: number) => void,
): Promise<ImportReport> {
  const { store, feeds } = deps;
  const { user, device, database: file, connection } = worker;
  const report = await importHistory({ feeds, user, device, file, ...(onProgress === undefined ? {} : { onProgress }) });
  await store.write((tx) => tx.documents.put(IMPORTED, user, { device, connection } satisfies Imported));
  return report;
}
