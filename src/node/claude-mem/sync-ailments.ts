import type { Ailment } from '../../sources/claude-mem-health/ailment.ts';
import { lookForLeftBehind } from '../../sources/claude-mem-health/left-behind.ts';
import type { SatchelNode } from '../node.ts';
import { readConnection } from './connection.ts';
import { sayElsewhere } from './gateway-url.ts';
import type { SyncPath } from './sync-path.ts';
import { lastSyncError } from './worker-status.ts';

/** What is wrong with how claude-mem's worker syncs by itself. Asks the worker, where it runs. */
export async function findSyncAilments(node: SatchelNode, path: SyncPath, folder: string, file: string): Promise<Ailment[]> {
  if (path.type === 'none' || !URL.canParse(path.url)) return [];
  const { host } = new URL(path.url);
  const found = [await findRefusal(node, path, folder)];
  if (path.type === 'apart') found.push(apart(path.user));
  // Through this very node nothing of the three is: it brings history in itself, and knows what goes where.
  else if (path.type !== 'own') found.push(lookForLeftBehind(file), leak(node, host), path.type === 'other' ? secondPath(host) : null);
  return found.filter((each) => each !== null);
}

/** Why what claude-mem's worker pushes is not taken: what it says itself, where it runs, and whether this node still knows its token. */
export async function findRefusal(node: SatchelNode, path: SyncPath, folder: string, patience?: number): Promise<Ailment | null> {
  if (path.type === 'none' || !URL.canParse(path.url)) return null;
  const { host } = new URL(path.url);
  const isHere = path.type === 'own' || path.type === 'apart';
  const elsewhere = sayElsewhere(path, node);
  if (elsewhere !== null) return refused(elsewhere, [], OWN_TOKEN);
  const connection = isHere ? await readConnection(node.home) : null;
  const tokens = connection === null ? [] : await node.claudeMemClients.tokens();
  if (connection !== null && tokens.every(({ id }) => id !== connection.tokenId)) return unknownToken('this node', [], OWN_TOKEN);
  const refusal = refusalOf(await lastSyncError(folder, patience), host);
  return isHere && refusal?.advice === FOREIGN_TOKEN ? { ...refusal, advice: OWN_TOKEN } : refusal;
}

const OWN_TOKEN = 'Run: satchel claude-mem connect; then start its worker again';
export const FOREIGN_TOKEN =
  'Have one made there (satchel claude-mem serve --user NAME), and run: satchel claude-mem connect --hub URL --user NAME';

export function unknownToken(who: string, evidence: readonly string[], advice: string): Ailment {
  return refused(`${who} does not know the token that claude-mem shows`, evidence, advice);
}

function refused(reason: string, evidence: readonly string[], advice: string): Ailment {
  return { id: 'refused', result: 'fail', severity: 'high', reason, evidence, would: [], advice, repair: null };
}

/** What its worker says that its hub said. */
function refusalOf(error: string | null, host: string): Ailment | null {
  if (error === null) return null;
  const about = { result: 'fail' as const, evidence: [error.slice(0, 200)], would: [], repair: null };
  if (/revision_hash_conflict|stale_revision/.test(error))
    return {
      ...{ ...about, id: 'refused', severity: 'high' },
      reason: `${host} refuses what claude-mem pushes, and all that waits behind it: settings or a database were copied, or restored`,
      advice: 'Stop its worker (npx claude-mem stop); then: satchel claude-mem repair',
    };
  if (error.includes('device_limit_exceeded'))
    return {
      ...{ ...about, id: 'refused', severity: 'high' },
      reason: `${host} takes no more devices of this user`,
      advice: 'Have one removed there: satchel claude-mem serve --remove-device DEVICE',
    };
  if (/\b40[13]\b/.test(error)) return unknownToken(host, about.evidence, FOREIGN_TOKEN);
  return {
    ...{ ...about, id: 'refused', result: 'warn', severity: 'medium' },
    reason: `claude-mem could not sync with ${host}; it tries again by itself`,
    advice: null,
  };
}

/** As a user whose feed is no space's: `connect` made that before 2026-12. */
function apart(user: string): Ailment {
  return {
    id: 'apart',
    result: 'warn',
    severity: 'medium',
    reason: `claude-mem’s worker syncs with this node as ${user}, whose feed is not your space: its rows are carried from the database instead`,
    evidence: ['its own sync reaches none of your other machines'],
    would: [],
    advice: 'Run: satchel claude-mem connect',
    repair: null,
  };
}

/** What was to stay is pushed by claude-mem itself, which knows nothing of it. */
function leak({ memRows: { choices } }: SatchelNode, host: string): Ailment | null {
  if (choices.length === 0) return null;
  return {
    id: 'pushed-anyway',
    result: 'warn',
    severity: 'high',
    reason: `claude-mem’s worker pushes all projects to ${host} by itself, those that were to go elsewhere too`,
    evidence: choices.map(
      ({ project, space }) => `${project}: ${space === null ? 'was to stay on this machine' : `was to go to ${space}`}`,
    ),
    would: [],
    advice: 'Have it sync through this node: satchel claude-mem connect',
    repair: null,
  };
}

/** Rows that come by Satchel and by something else as well. */
function secondPath(host: string): Ailment {
  return {
    id: 'two-paths',
    result: 'warn',
    severity: 'medium',
    reason:
      'claude-mem’s worker syncs by itself as well, with something that is no Satchel: on a machine that has both, rows may stand twice',
    evidence: [`its settings name ${host}`],
    would: [],
    advice:
      'One way is enough. Through Satchel: satchel claude-mem connect; or without it: "categories": {"claude-mem": false} in config.json',
    repair: null,
  };
}
