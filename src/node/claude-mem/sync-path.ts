import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Result } from '../../core/result.ts';
import { isLoopback } from '../../gateways/native/guard.ts';
import type { NodeHome } from '../home.ts';
import { readForeign } from '../read-foreign.ts';
import { readConnection } from './connection.ts';
import { PERSONAL_USER } from './personal-user.ts';
import { readSyncSettings, type SyncSettingsBefore } from './settings-edit.ts';
import { CLAUDE_MEM_PREFIX } from './prefix.ts';

/** By which way claude-mem's worker syncs on its own, as its settings say now. */
export type SyncPath =
  | { readonly type: 'none' }
  /** Through this very node, as the user whose feed is the personal space. */
  | { readonly type: 'own'; readonly url: string; readonly user: string }
  /** Through this very node, as a user whose feed is no space's: what it pushes reaches no other machine by that, and no search. */
  | { readonly type: 'apart'; readonly url: string; readonly user: string }
  /** Through another node's gateway. */
  | { readonly type: 'gateway'; readonly url: string; readonly user: string }
  /** With something that is no Satchel. */
  | { readonly type: 'other'; readonly url: string; readonly user: string };

/** How often, and after what time, settings are looked at again that say nothing. */
const LOOKS = 5;
const LOOK_MS = 100;

/**
 * Looks at what is written there, whoever wrote it. Its worker’s environment may say otherwise, which nobody can see. Costs half a second where
 * the settings cannot be read.
 */
export async function readSyncPath(home: NodeHome, claudeMemHome: string): Promise<SyncPath> {
  const connection = await readConnection(home);
  const settings = await readWhole(path.join(claudeMemHome, 'settings.json'), connection !== null);
  if (!settings.ok) return { type: 'none' }; // as its worker takes it, and doctor says so
  const [token, user, hub] = [
    settings.value.CLAUDE_MEM_CLOUD_SYNC_TOKEN,
    settings.value.CLAUDE_MEM_CLOUD_SYNC_USER_ID,
    settings.value.CLAUDE_MEM_CLOUD_SYNC_HUB_URL,
  ].map((value) => (typeof value === 'string' ? value.trim() : ''));
  if (!token || !user || !hub) return { type: 'none' };
  const url = hub.replace(/\/+$/, '');
  const isOurs = connection !== null && connection.url === url && connection.user === user;
  if (isOurs && connection.tokenId !== null) return { type: user === PERSONAL_USER ? 'own' : 'apart', url, user };
  // Wherever it is mounted, unless a proxy hides it: then only `connect` knows.
  const isGateway = isOurs || (URL.canParse(url) && new URL(url).pathname.endsWith(CLAUDE_MEM_PREFIX));
  return { type: isGateway ? 'gateway' : 'other', url, user };
}

/**
 * The settings as they stay. claude-mem and editors write them in place, or put others there: nothing, or half of it, may be there for a moment,
 * and taken for a word it would have the source carry all rows that the worker carries as well. `isThere`: there are some.
 */
async function readWhole(file: string, isThere: boolean): Promise<Result<SyncSettingsBefore, string>> {
  for (let look = 1; ; look += 1) {
    const text = await readForeign(file);
    const settings = text.ok ? readSyncSettings(text.value) : text;
    const isNothing = text.ok && (text.value === null ? isThere : text.value.trim() === '');
    if ((settings.ok && !isNothing) || look > LOOKS) return settings;
    await sleep(LOOK_MS);
  }
}

/** Whether a token that goes there is seen by nobody else: by TLS, or on this machine. */
export function isPrivate(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

/** Whether a Satchel gateway carries this database's rows: the source leaves them to it, so that nobody gets them twice. */
export function isCarriedByGateway({ type }: SyncPath): boolean {
  return type === 'own' || type === 'gateway';
}
