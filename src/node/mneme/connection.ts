import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Result } from '../../core/result.ts';
import { readPrivate, type NodeHome } from '../home.ts';
import { createSettingsNote, type SettingsNote, type Undone } from '../settings-note.ts';
import { readSyncSettings, writeSyncSettings, type SyncSettings } from './client-settings.ts';

interface Details {
  /** Of the token at this machine's own node; `null` for another's, or none. */
  readonly tokenId: string | null;
  readonly url: string;
  /** It is with this machine's own node. */
  readonly isOwn?: boolean;
}

export type MnemeConnection = Details & { readonly file: string };

/** mneme's own folder: it takes none from the environment. */
export const mnemeHome = (userHome: string): string => path.join(userHome, '.claude-mneme');

const noteOf = (home: NodeHome): SettingsNote<SyncSettings, Details> =>
  createSettingsNote(path.join(home.root, 'mneme-connection.json'), {
    read: readSyncSettings,
    write: writeSyncSettings,
    isOurs: ({ serverUrl }, { url }) => serverUrl === url,
    address: 'serverUrl',
    secret: 'apiKey',
  });

/** `null` where mneme was not connected by us. */
export function readMnemeConnection(home: NodeHome): Promise<MnemeConnection | null> {
  return noteOf(home).read();
}

/** Has this user's client sync with that server. The error says why its file was left alone. */
export function writeMnemeConnection(
  home: NodeHome,
  userHome: string,
  server: { readonly url: string; readonly key: string | null; readonly tokenId: string | null; readonly isOwn?: boolean },
): Promise<Result<MnemeConnection, string>> {
  const { url, key, tokenId, isOwn = tokenId !== null } = server;
  const settings: SyncSettings = { enabled: true, serverUrl: url, ...(key === null ? {} : { apiKey: key }) };
  return noteOf(home).write(path.join(mnemeHome(userHome), 'config.json'), settings, { tokenId, url, isOwn });
}

/** The key that this user's client shows as things stand; `null`: none, or its settings cannot be read. */
export async function readMnemeKey({ file }: MnemeConnection): Promise<string | null> {
  const settings = readSyncSettings(await readPrivate(file));
  return settings.ok && typeof settings.value.apiKey === 'string' && settings.value.apiKey !== '' ? settings.value.apiKey : null;
}

/** Puts its settings back as they were. `null` where there was no connection of ours. */
export function undoMnemeConnection(home: NodeHome): Promise<Result<(MnemeConnection & Undone) | null, string>> {
  return noteOf(home).undo();
}

/** What the client's settings say now, and what `connect` had to do with it. */
export interface MnemeClientState {
  /** claude-mneme was here. */
  readonly installed: boolean;
  /** With which server it syncs; `null`: with none, so that its files are carried as others are. */
  readonly url: string | null;
  /** What it shows there. */
  readonly key: string | null;
  /** `connect` wrote it, as it is: with this machine's node, or another server. */
  readonly connected: 'here' | 'elsewhere' | null;
  readonly tokenId: string | null;
}

export async function readMnemeClient(home: NodeHome, userHome: string): Promise<MnemeClientState> {
  const note = await readMnemeConnection(home);
  const folder = mnemeHome(userHome);
  const settings = readSyncSettings(await readPrivate(path.join(folder, 'config.json')));
  const { enabled, serverUrl, apiKey } = settings.ok ? settings.value : {};
  const url = enabled === true && typeof serverUrl === 'string' && serverUrl !== '' ? serverUrl : null;
  const isWritten = note !== null && note.url === url;
  return {
    installed: existsSync(folder),
    url,
    key: typeof apiKey === 'string' ? apiKey : null,
    connected: !isWritten ? null : (note.isOwn ?? note.tokenId !== null) ? 'here' : 'elsewhere',
    tokenId: isWritten ? note.tokenId : null,
  };
}

/** Has a client that `connect` led to this machine's node follow it to another address. `null`: there was none, or it is there. */
export async function moveMnemeConnection(home: NodeHome, userHome: string, url: string): Promise<Result<MnemeConnection, string> | null> {
  const { connected, key, tokenId, url: before } = await readMnemeClient(home, userHome);
  return connected !== 'here' || before === url ? null : writeMnemeConnection(home, userHome, { url, key, tokenId, isOwn: true });
}
