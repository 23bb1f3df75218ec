import path from 'node:path';
import type { Ailment } from '../../sources/claude-mem-health/ailment.ts';
import { findAilments as findInDatabase } from '../../sources/claude-mem-health/find-ailments.ts';
import { readPrivate } from '../home.ts';
import type { SatchelNode } from '../node.ts';
import { findDeviceAilments } from './device-ailments.ts';
import { localWorker } from './local-worker.ts';
import { readSyncPath, type SyncPath } from './sync-path.ts';
import { readDeviceId } from './settings-edit.ts';
import { feedOf } from '../../gateways/claude-mem/sync-feed.ts';

/** A machine that was renamed calls itself otherwise once; two that share an id do again and again. */
const SWITCHES_OF_TWO = 2;

/** What is wrong with this machine's claude-mem. Reads only. O(size of its database, and of its feed). */
export async function findAilments(node: SatchelNode): Promise<Ailment[]> {
  const folder = node.config.environment.claudeMemHome;
  const [file, settings] = [path.join(folder, 'claude-mem.db'), path.join(folder, 'settings.json')];
  const device = readDeviceId(await readPrivate(settings));
  const found = findInDatabase({ file, device, now: node.deps.clock.now() });
  if (found.some(({ id }) => id === 'wal' || id === 'damage')) return found;
  return [...found, ...placesNotHere(node), ...(await twoPaths(node, folder)), ...(await inFeed(node, file, settings))];
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

/** What was to stay is pushed by claude-mem itself, which knows nothing of it. */
function leaks(node: SatchelNode, path: SyncPath): Ailment[] {
  const { choices } = node.memRows;
  if (choices.length === 0 || path.type === 'none' || path.type === 'own' || !URL.canParse(path.url)) return [];
  return [
    {
      id: 'pushed-anyway',
      result: 'warn',
      severity: 'high',
      reason: `claude-mem’s worker pushes all projects to ${new URL(path.url).host} by itself, those that were to go elsewhere too`,
      evidence: choices.map(
        ({ project, space }) => `${project}: ${space === null ? 'was to stay on this machine' : `was to go to ${space}`}`,
      ),
      would: [],
      advice: 'Have it sync through this node: satchel claude-mem connect',
      repair: null,
    },
  ];
}

/** Rows that come by Satchel and by something else as well. */
async function twoPaths(node: SatchelNode, folder: string): Promise<Ailment[]> {
  const path = await readSyncPath(node.home, folder);
  const ailments = leaks(node, path);
  if (path.type !== 'other' || !URL.canParse(path.url)) return ailments;
  return [
    ...ailments,
    {
      id: 'two-paths',
      result: 'warn',
      severity: 'medium',
      reason:
        'claude-mem’s worker syncs by itself as well, with something that is no Satchel: on a machine that has both, rows may stand twice',
      evidence: [`its settings name ${new URL(path.url).host}`],
      would: [],
      advice:
        'One way is enough. Through Satchel: satchel claude-mem connect; or without it: "categories": {"claude-mem": false} in config.json',
      repair: null,
    },
  ];
}

/** What only the feed tells that this machine's worker pushes to, where that is this node's. */
async function inFeed(node: SatchelNode, file: string, settings: string): Promise<Ailment[]> {
  const worker = await localWorker(node.claudeMemWorker);
  if (worker?.device == null) return [];
  const { user, device } = worker;
  if ((await node.store.read((tx) => tx.feeds.head(feedOf(user)))) === null) return [];
  const known = (await node.claudeMemClients.devices(user)).find(({ id }) => id === device);
  const names = (known?.switches ?? 0) < SWITCHES_OF_TWO ? [] : (known?.names ?? []);
  return findDeviceAilments({ file, settings, device, names, index: await node.claudeMemFeeds.index(user) });
}
