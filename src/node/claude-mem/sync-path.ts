import path from 'node:path';
import { isLoopback } from '../../gateways/native/guard.ts';
import type { NodeHome } from '../home.ts';
import { readForeign } from '../read-foreign.ts';
import { readConnection } from './connection.ts';
import { PERSONAL_USER } from './personal-user.ts';
import { readSyncSettings } from './settings-edit.ts';
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

/** Looks at what is written there, whoever wrote it. Its worker’s environment may say otherwise, which nobody can see. */
export async function readSyncPath(home: NodeHome, claudeMemHome: string): Promise<SyncPath> {
  const text = await readForeign(path.join(claudeMemHome, 'settings.json'));
  const settings = text.ok ? readSyncSettings(text.value) : text;
  if (!settings.ok) return { type: 'none' }; // as its worker takes it, and doctor says so
  const [token, user, hub] = [
    settings.value.CLAUDE_MEM_CLOUD_SYNC_TOKEN,
    settings.value.CLAUDE_MEM_CLOUD_SYNC_USER_ID,
    settings.value.CLAUDE_MEM_CLOUD_SYNC_HUB_URL,
  ].map((value) => (typeof value === 'string' ? value.trim() : ''));
  if (!token || !user || !hub) return { type: 'none' };
  const url = hub.replace(/\/+$/, '');
  const connection = await readConnection(home);
  const isOurs = connection !== null && connection.url === url && connection.user === user;
  if (isOurs && connection.tokenId !== null) return { type: user === PERSONAL_USER ? 'own' : 'apart', url, user };
  // Wherever it is mounted, unless a proxy hides it: then only `connect` knows.
  const isGateway = isOurs || (URL.canParse(url) && new URL(url).pathname.endsWith(CLAUDE_MEM_PREFIX));
  return { type: isGateway ? 'gateway' : 'other', url, user };
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
