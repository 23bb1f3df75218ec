import path from 'node:path';
import type { Ailment } from '../../sources/claude-mem-health/ailment.ts';
import { findAilments as findInDatabase } from '../../sources/claude-mem-health/find-ailments.ts';
import { mixedUnder } from '../../sources/claude-mem-health/held-standing.ts';
import type { Result } from '../../core/result.ts';
import { readForeign } from '../read-foreign.ts';
import { PERSONAL, type SatchelNode } from '../node.ts';
import { findDeviceAilments } from './device-ailments.ts';
import { findLeftRows } from './left-rows.ts';
import { isLookTaken } from './last-look.ts';
import { localWorker } from './local-worker.ts';
import { PERSONAL_USER } from './personal-user.ts';
import type { readRemoteFeed } from './remote-feed.ts';
import { ownFeed } from './own-feed.ts';
import { readOwnFeed } from './adopt-at-connect.ts';
import { findRewordedDoubles } from './reworded-doubles.ts';
import { takeWholeLook } from './whole-look.ts';
import { findWedgeInLog } from './wedged-log.ts';
import { findWedgedPull, type PullLook } from './wedged-pull.ts';
import { adoptServed } from './adopt-served.ts';
import { findSyncAilments, FOREIGN_TOKEN, unknownToken } from './sync-ailments.ts';
import { isPrivate, readSyncPath, type SyncPath } from './sync-path.ts';
import { readDeviceId, readSyncSettings } from './settings-edit.ts';
import { feedOf } from '../../gateways/claude-mem/sync-feed.ts';

/** A machine that was renamed calls itself otherwise once; two that share an id do again and again. */
const SWITCHES_OF_TWO = 2;

/** Its database is not looked into any further. */
const CLOSED: ReadonlySet<string> = new Set(['wal', 'unreadable', 'damage']);

/**
 * What is wrong with this machine's claude-mem. Reads only. `askHub`: for all that the hub serves, where its worker syncs with another one.
 * O(size of its database, and of its feed).
 */
export async function findAilments(node: SatchelNode, askHub: typeof readRemoteFeed | null = null): Promise<Ailment[]> {
  const folder = node.config.environment.claudeMemHome;
  const [file, settings] = [path.join(folder, 'claude-mem.db'), path.join(folder, 'settings.json')];
  const text = await readForeign(settings);
  const device = text.ok ? readDeviceId(text.value) : null;
  const found = await findWithoutOwn(node, { file, device, now: node.deps.clock.now() });
  const unread = unreadSettings(text.ok ? readSyncSettings(text.value) : text);
  if (unread !== null) found.push(unread);
  if (found.some(({ id }) => CLOSED.has(id)) || mixedUnder(file) !== null) return found;
  const way = await readSyncPath(node.home, folder);
  const left = await findLeftRows(node, file, way);
  const ofSync = await findSyncAilments(node, way, folder, file);
  const isHere = way.type === 'own' || way.type === 'apart';
  const { ailments: ofDevice, served } =
    askHub !== null && !isHere ? await atHub(node, way, file, settings, askHub) : await inFeed(node, file, settings);
  // Of its worker, and of the hub itself, the same may be heard.
  const heard = ofDevice.filter(({ id }) => id !== 'refused' || ofSync.every((each) => each.id !== id));
  const isToLog = way.type !== 'none' && ofDevice.every(({ id }) => id !== 'wedged');
  const logged = isToLog ? await findWedgeInLog(folder, file, isHere || askHub !== null) : null;
  const reworded = isHere && served !== null ? await findRewordedDoubles(served, () => takeIn(node)) : null;
  const inDatabase = found.map((each) => (each.id === 'doubles' && served !== null ? andMarked(each, served) : each));
  return [
    ...inDatabase,
    ...(reworded === null ? [] : [reworded]),
    ...left,
    ...placesNotHere(node),
    ...ofSync,
    ...heard,
    ...(logged === null ? [] : [logged]),
  ];
}

async function takeIn(node: SatchelNode): Promise<void> {
  for (const open of node.spaces.values()) if (open.entry.name === PERSONAL && open.replica.canWrite) await takeWholeLook(node, open);
}

/** What its feed tells of a worker, and what is served to it; `null` where nobody could tell. */
interface FeedFound {
  readonly ailments: Ailment[];
  readonly served: PullLook | null;
}

const NOTHING_FOUND: FeedFound = { ailments: [], served: null };

/** What stays of two rows is marked as whose it is served: unmarked it would come again with the next change there. */
function andMarked(doubles: Ailment, { feed, ...look }: PullLook): Ailment {
  const { repair } = doubles;
  if (repair === null) return doubles;
  return {
    ...doubles,
    async repair(backups) {
      const repaired = await repair(backups);
      if (repaired.type === 'done') adoptServed({ ...look, served: await feed.rows() });
      return repaired;
    },
  };
}

async function andWedged(ailments: readonly Ailment[], served: PullLook): Promise<FeedFound> {
  const wedged = await findWedgedPull(served);
  return { ailments: wedged === null ? [...ailments] : [...ailments, wedged], served };
}

/**
 * What is wrong with the database itself, as a program finds it that opens it now. Within a process SQLite's connections share what they know of
 * a log: of one that was written over, this process would see damage where there is none.
 */
async function findWithoutOwn({ spaces }: SatchelNode, look: Parameters<typeof findInDatabase>[0]): Promise<Ailment[]> {
  const letGo = async (anyway: boolean): Promise<void> => {
    for (const { rows } of spaces.values()) for (const { source } of rows) await source.letGo(anyway);
  };
  await letGo(false);
  const found = findInDatabase(look);
  if (found.every(({ id }) => id !== 'damage')) return found;
  await letGo(true);
  return findInDatabase(look);
}

/** Settings that claude-mem cannot read either: it goes on with what it has by default, without its sync. */
function unreadSettings(settings: Result<unknown, string>): Ailment | null {
  if (settings.ok) return null;
  return {
    id: 'settings',
    result: 'warn',
    severity: 'medium',
    reason: `claude-mem’s settings.json cannot be used: ${settings.error}`,
    evidence: [],
    would: [],
    advice: 'Mend or move it away: claude-mem makes another with what is usual',
    repair: null,
  };
}

/** Projects that were to go to spaces that this machine does not have: their rows stay. */
function placesNotHere(node: SatchelNode): Ailment[] {
  const names = new Set([...node.spaces.values()].map(({ entry }) => entry.name));
  const lost = node.memRows.choices.filter(({ space }) => space !== null && !names.has(space));
  if (lost.length === 0) return [];
  return [
    {
      id: 'projects',
      result: 'warn',
      severity: 'medium',
      reason: 'projects of claude-mem are to go to spaces that this machine does not have: their rows stay on it',
      evidence: lost.map(({ project, space }) => `${project}: ${space}`),
      would: [],
      advice: 'Join the space, or choose another place: satchel claude-mem projects',
      repair: null,
    },
  ];
}

/** What only the feed tells that this machine's worker pushes to, where that is this node's. */
async function inFeed(node: SatchelNode, file: string, settings: string): Promise<FeedFound> {
  const worker = await localWorker(node.claudeMemWorker);
  if (worker?.device == null) return NOTHING_FOUND;
  const { user, device } = worker;
  if ((await node.store.read((tx) => tx.feeds.head(feedOf(user)))) === null) return NOTHING_FOUND;
  const known = (await node.claudeMemClients.devices(user)).find(({ id }) => id === device);
  const names = (known?.switches ?? 0) < SWITCHES_OF_TWO ? [] : (known?.names ?? []);
  const now = node.deps.clock.now();
  const feed = await ownFeed(node.store, node.claudeMemFeeds, user);
  // Another machine that has the id comes again.
  const renamed = async (): Promise<void> => void (await node.claudeMemClients.removeDevice(user, device));
  const own = user === PERSONAL_USER ? [...node.spaces.values()].find(({ entry }) => entry.name === PERSONAL) : undefined;
  const isSettled = own !== undefined && (await isLookTaken(node.store, own.entry.space, worker.connection));
  const found = await findDeviceAilments({ file, settings, device, names, now, feed, isSettled, renamed });
  return andWedged(found, { file, device, feed: await readOwnFeed(node.store, user), isAllPushed: true, now });
}

/** The same, of the feed of the hub that the worker syncs with. Its token goes there as the worker sends it. */
async function atHub(node: SatchelNode, way: SyncPath, file: string, settings: string, ask: typeof readRemoteFeed): Promise<FeedFound> {
  if (way.type === 'none' || !URL.canParse(way.url)) return NOTHING_FOUND;
  const text = await readForeign(settings);
  if (!text.ok) return NOTHING_FOUND;
  const [device, written] = [readDeviceId(text.value), readSyncSettings(text.value)];
  const token = written.ok ? written.value.CLAUDE_MEM_CLOUD_SYNC_TOKEN : null;
  const { host } = new URL(way.url);
  if (device === null || typeof token !== 'string' || !isPrivate(way.url)) return NOTHING_FOUND;
  const feed = await ask({ url: way.url, user: way.user, token, device });
  if (feed.ok) {
    const now = node.deps.clock.now();
    const found = await findDeviceAilments({ file, settings, device, names: [], now, feed: feed.value, isSettled: false });
    return andWedged(found, { file, device, feed: feed.value.served, isAllPushed: false, now });
  }
  if (feed.error.type === 'refused') return { ...NOTHING_FOUND, ailments: [unknownToken(host, [feed.error.message], FOREIGN_TOKEN)] };
  const unheard: Ailment = {
    id: 'hub',
    result: 'warn',
    severity: 'low',
    reason: `what ${host} has of this device could not be compared: ${feed.error.message}`,
    evidence: [],
    would: [],
    advice: 'Run this again when it answers',
    repair: null,
  };
  return { ...NOTHING_FOUND, ailments: [unheard] };
}
