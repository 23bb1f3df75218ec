import { fail, ok, type Result } from '../../core/result.ts';
import { readPrivate, writePrivate } from '../home.ts';

/** The three settings that turn claude-mem's sync on. */
export interface SyncSettings {
  readonly CLAUDE_MEM_CLOUD_SYNC_TOKEN: string;
  readonly CLAUDE_MEM_CLOUD_SYNC_USER_ID: string;
  readonly CLAUDE_MEM_CLOUD_SYNC_HUB_URL: string;
}

export type SyncSetting = keyof SyncSettings;

export const SYNC_SETTINGS: readonly SyncSetting[] = [
  'CLAUDE_MEM_CLOUD_SYNC_TOKEN',
  'CLAUDE_MEM_CLOUD_SYNC_USER_ID',
  'CLAUDE_MEM_CLOUD_SYNC_HUB_URL',
];

/** What the three were; `undefined` where a key was not there at all. */
export type SyncSettingsBefore = { readonly [K in SyncSetting]?: unknown };

type Json = Record<string, unknown>;

/** The values of the three in a settings file's text. */
export function readSyncSettings(text: string | null): Result<SyncSettingsBefore, string> {
  const parsed = parse(text);
  if (!parsed.ok) return parsed;
  const { place } = parsed.value;
  return ok(Object.fromEntries(SYNC_SETTINGS.filter((key) => Object.hasOwn(place, key)).map((key) => [key, place[key]])));
}

/**
 * The text of a settings file with the three set, or back as they were (absent where they were absent). All else keeps
 * its place and its value; the indentation stays. `text` is null where there is no file. The error says why it is no
 * settings file.
 */
export function writeSyncSettings(text: string | null, values: SyncSettingsBefore): Result<string, string> {
  const parsed = parse(text);
  if (!parsed.ok) return parsed;
  const { root, place } = parsed.value;
  for (const key of SYNC_SETTINGS) {
    if (values[key] === undefined) delete place[key];
    else place[key] = values[key];
  }
  return ok(printed(text, root));
}

/** The same id, or why nobody can tell it: of a file that is no settings file no device is known, which is not that there is none. */
export function deviceIdIn(text: string | null): Result<string | null, string> {
  const parsed = parse(text);
  return parsed.ok ? ok(readDeviceId(text)) : parsed;
}

/** The id that claude-mem gave itself when its sync first ran; `null` before that. */
export function readDeviceId(text: string | null): string | null {
  const parsed = parse(text);
  const id = parsed.ok ? parsed.value.place['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID'] : null;
  return typeof id === 'string' && id !== '' ? id : null;
}

/** Writes another device id into claude-mem's settings; all else stays. The error says why the file was left alone. */
export async function writeDeviceId(file: string, device: string): Promise<Result<void, string>> {
  const text = await readPrivate(file);
  const parsed = parse(text);
  if (!parsed.ok) return parsed;
  const { root, place } = parsed.value;
  place['CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID'] = device;
  await writePrivate(file, printed(text, root));
  return ok(undefined);
}

/** A copy of the settings as they stand; nothing where there are none. */
export async function keepSettings(file: string, copy: string): Promise<void> {
  const text = await readPrivate(file);
  if (text !== null) await writePrivate(copy, text);
}

/** With the indentation that it had. */
function printed(text: string | null, root: Json): string {
  const indent = /^\{\r?\n([ \t]+)"/.exec(text ?? '')?.[1] ?? 2;
  return JSON.stringify(root, null, indent) + (text === null || text.endsWith('\n') ? '\n' : '');
}

/** Older files hold their settings in `env`, which claude-mem prefers where it is there. */
function parse(text: string | null): Result<{ readonly root: Json; readonly place: Json }, string> {
  if (text === null || text.trim() === '') {
    const root = {};
    return ok({ root, place: root });
  }
  try {
    const root: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (!isJson(root)) return fail('it holds no JSON object');
    return ok({ root, place: isJson(root['env']) ? root['env'] : root });
  } catch (error) {
    if (error instanceof SyntaxError) return fail('it is not JSON');
    throw error;
  }
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
