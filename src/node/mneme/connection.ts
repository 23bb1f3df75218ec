import path from 'node:path';
import type { Result } from '../../core/result.ts';
import { readPrivate, type NodeHome } from '../home.ts';
import { createSettingsNote, type SettingsNote } from '../settings-note.ts';
import { readSyncSettings, writeSyncSettings, type SyncSettings } from './client-settings.ts';

interface Details {
  /** Of the token at this machine's own node; `null` for another's, or none. */
  readonly tokenId: string | null;
  readonly url: string;
}

export type MnemeConnection = Details & { readonly file: string };

/** mneme's own folder: it takes none from the environment. */
export const mnemeHome = (userHome: string): string => path.join(userHome, '.claude-mneme');

const noteOf = (home: NodeHome): SettingsNote<SyncSettings, Details> =>
  createSettingsNote(path.join(home.root, 'mneme-connection.json'), {
    read: readSyncSettings,
    write: writeSyncSettings,
    isOurs: ({ serverUrl }, { url }) => serverUrl === url,
  });

/** `null` where mneme was not connected by us. */
export function readMnemeConnection(home: NodeHome): Promise<MnemeConnection | null> {
  return noteOf(home).read();
}

/** Has this user's client sync with that server. The error says why its file was left alone. */
export function writeMnemeConnection(
  home: NodeHome,
  userHome: string,
  server: { readonly url: string; readonly key: string | null; readonly tokenId: string | null },
): Promise<Result<MnemeConnection, string>> {
  const { url, key, tokenId } = server;
  const settings: SyncSettings = { enabled: true, serverUrl: url, ...(key === null ? {} : { apiKey: key }) };
  return noteOf(home).write(path.join(mnemeHome(userHome), 'config.json'), settings, { tokenId, url });
}

/** The key that this user's client shows as things stand; `null`: none, or its settings cannot be read. */
export async function readMnemeKey({ file }: MnemeConnection): Promise<string | null> {
  const settings = readSyncSettings(await readPrivate(file));
  return settings.ok && typeof settings.value.apiKey === 'string' && settings.value.apiKey !== '' ? settings.value.apiKey : null;
}

/** Puts its settings back as they were. `null` where there was no connection of ours. */
export function undoMnemeConnection(home: NodeHome): Promise<Result<MnemeConnection | null, string>> {
  return noteOf(home).undo();
}
