import path from 'node:path';
import type { Result } from '../../core/result.ts';
import type { NodeHome } from '../home.ts';
import { createSettingsNote, type SettingsNote, type Undone } from '../settings-note.ts';
import { PERSONAL_USER } from './personal-user.ts';
import { readSyncSettings, writeSyncSettings, type SyncSettings, type SyncSettingsBefore } from './settings-edit.ts';

interface Details {
  /** Of the token at this machine's own node; `null` for another's. */
  readonly tokenId: string | null;
  readonly url: string;
  readonly user: string;
}

export type Connection = Details & { readonly file: string };

/** Where it is noted. */
export const connectionFile = ({ root }: NodeHome): string => path.join(root, 'claude-mem-connection.json');

const noteOf = (home: NodeHome): SettingsNote<SyncSettingsBefore, Details> =>
  createSettingsNote(connectionFile(home), {
    read: readSyncSettings,
    write: writeSyncSettings,
    isOurs: (values, { url, user }) => values.CLAUDE_MEM_CLOUD_SYNC_HUB_URL === url && values.CLAUDE_MEM_CLOUD_SYNC_USER_ID === user,
    address: 'CLAUDE_MEM_CLOUD_SYNC_HUB_URL',
    secret: 'CLAUDE_MEM_CLOUD_SYNC_TOKEN',
  });

/** `null` where claude-mem was not connected by us. */
export async function readConnection(home: NodeHome): Promise<Connection | null> {
  return noteOf(home).read();
}

/** Whether the worker was connected to this very node as the user whose feed and personal space are kept the same. */
export async function isBridgedHere(home: NodeHome): Promise<boolean> {
  const connection = await readConnection(home);
  return connection !== null && connection.tokenId !== null && connection.user === PERSONAL_USER;
}

/** Writes the three settings. What they were is noted first, durably. The error says why the file was left alone. */
export async function writeConnection(
  home: NodeHome,
  claudeMemHome: string,
  settings: SyncSettings,
  tokenId: string | null,
): Promise<Result<Connection, string>> {
  const details = { tokenId, url: settings.CLAUDE_MEM_CLOUD_SYNC_HUB_URL, user: settings.CLAUDE_MEM_CLOUD_SYNC_USER_ID };
  return noteOf(home).write(path.join(claudeMemHome, 'settings.json'), { ...settings }, details);
}

/**
 * Puts the three settings back as they were: the whole file, where nothing else changed in it since. `null` where there
 * was no connection of ours.
 */
export async function undoConnection(home: NodeHome): Promise<Result<(Connection & Undone) | null, string>> {
  return noteOf(home).undo();
}
