import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '../make-folders.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { readPrivate, removePrivate, writePrivate, type NodeHome } from '../home.ts';
import { readSyncSettings, writeSyncSettings, type SyncSettings, type SyncSettingsBefore } from './settings-edit.ts';

/** What `connect` notes, so that `disconnect` undoes exactly. */
interface ConnectionNote {
  readonly file: string;
  /** The whole file as it was; `null` where there was none. */
  readonly before: string | null;
  readonly settings: SyncSettingsBefore;
  /** SHA-256 of what was written. */
  readonly written: string;
  /** Of the token at this machine's own node; `null` for another's. */
  readonly tokenId: string | null;
  readonly url: string;
  readonly user: string;
}

export type Connection = Pick<ConnectionNote, 'file' | 'tokenId' | 'url' | 'user'>;

const noteFile = (home: NodeHome): string => path.join(home.root, 'claude-mem-connection.json');

/** `null` where claude-mem was not connected by us. */
export async function readConnection(home: NodeHome): Promise<Connection | null> {
  return readNote(home);
}

/** Writes the three settings. What they were is noted first, durably. The error says why the file was left alone. */
export async function writeConnection(
  home: NodeHome,
  claudeMemHome: string,
  settings: SyncSettings,
  tokenId: string | null,
): Promise<Result<Connection, string>> {
  await makeFolders(claudeMemHome);
  const file = await throughLinks(path.join(claudeMemHome, 'settings.json'));
  const text = await readPrivate(file);
  const before = readSyncSettings(text);
  const written = writeSyncSettings(text, { ...settings });
  if (!before.ok || !written.ok) return fail(before.ok ? 'it is no settings file' : before.error);
  const connection = { file, tokenId, url: settings.CLAUDE_MEM_CLOUD_SYNC_HUB_URL, user: settings.CLAUDE_MEM_CLOUD_SYNC_USER_ID };
  // Connected twice, what was there before the first time is what comes back.
  const earlier = await readNote(home);
  const kept = earlier !== null && earlier.file === file ? { before: earlier.before, settings: earlier.settings } : null;
  const note: ConnectionNote = { ...connection, written: sha256Hex(written.value), ...(kept ?? { before: text, settings: before.value }) };
  await writePrivate(noteFile(home), JSON.stringify(note));
  await writePrivate(file, written.value);
  return ok(connection);
}

/**
 * Puts the three settings back as they were: the whole file, where nothing else changed in it since. `null` where there
 * was no connection of ours.
 */
export async function undoConnection(home: NodeHome): Promise<Result<Connection | null, string>> {
  const note = await readNote(home);
  if (note === null) return ok(null);
  const text = await readPrivate(note.file);
  if (text !== null && sha256Hex(text) === note.written) {
    if (note.before === null) await removePrivate(note.file);
    else await writePrivate(note.file, note.before);
  } else if (text !== null) {
    const now = readSyncSettings(text);
    if (!now.ok) return now;
    // Somebody else connected it elsewhere since: that is not ours to undo.
    const isOurs = now.value.CLAUDE_MEM_CLOUD_SYNC_HUB_URL === note.url && now.value.CLAUDE_MEM_CLOUD_SYNC_USER_ID === note.user;
    const undone = isOurs ? writeSyncSettings(text, note.settings) : ok(text);
    if (!undone.ok) return undone;
    if (undone.value !== text) await writePrivate(note.file, undone.value);
  }
  await removePrivate(noteFile(home));
  return ok(note);
}

async function readNote(home: NodeHome): Promise<ConnectionNote | null> {
  const text = await readPrivate(noteFile(home));
  return text === null ? null : (JSON.parse(text) as ConnectionNote);
}

/** Where a link points to, so that the link stays. */
async function throughLinks(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return file;
    throw error;
  }
}
