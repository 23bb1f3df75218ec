import { fail, ok, type Result } from '../../core/result.ts';

/** The settings that have a client sync, in `sync` of its config.json. Absent: not there. */
export interface SyncSettings {
  readonly enabled?: unknown;
  readonly serverUrl?: unknown;
  readonly apiKey?: unknown;
}

const KEYS = ['enabled', 'serverUrl', 'apiKey'] as const;
type Json = Record<string, unknown>;

export function readSyncSettings(text: string | null): Result<SyncSettings, string> {
  const root = parse(text);
  if (!root.ok) return root;
  const sync = root.value['sync'];
  if (!isJson(sync)) return ok({});
  return ok(Object.fromEntries(KEYS.filter((key) => Object.hasOwn(sync, key)).map((key) => [key, sync[key]])));
}

/** The file's text with these settings, absent ones taken away. All else keeps its place and value; the indentation stays. */
export function writeSyncSettings(text: string | null, values: SyncSettings): Result<string, string> {
  const root = parse(text);
  if (!root.ok) return root;
  const sync: Json = isJson(root.value['sync']) ? { ...root.value['sync'] } : {};
  for (const key of KEYS) {
    if (values[key] === undefined) delete sync[key];
    else sync[key] = values[key];
  }
  const written: Json = { ...root.value, sync };
  if (Object.keys(sync).length === 0) delete written['sync'];
  const indent = /^\{\r?\n([ \t]+)"/.exec(text ?? '')?.[1] ?? 2;
  return ok(JSON.stringify(written, null, indent) + (text === null || text.endsWith('\n') ? '\n' : ''));
}

function parse(text: string | null): Result<Json, string> {
  if (text === null || text.trim() === '') return ok({});
  try {
    const root: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return isJson(root) ? ok(root) : fail('it holds no JSON object');
  } catch (error) {
    if (error instanceof SyntaxError) return fail('it is not JSON');
    throw error;
  }
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
