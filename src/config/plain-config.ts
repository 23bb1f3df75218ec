import path from 'node:path';
import type { ConfigFile, SourceConfig } from './schema.ts';
import { parseStoreAddress } from './store-address.ts';
import { CLAUDE_CATEGORIES, HOST, isPublicUrl, LOG_LEVELS, OBJECTS, OWN_SOURCES, SOURCE_ID } from './values.ts';

/** `null`: not plainly right, which is no judgement. */
type Plain<T> = (value: unknown) => T | null;

const FIELDS: { readonly [K in keyof ConfigFile]: { readonly plain: Plain<ConfigFile[K]>; readonly absent: () => ConfigFile[K] } } = {
  host: { plain: matching(HOST), absent: () => '127.0.0.1' },
  port: { plain: (value) => (isPort(value) ? value : null), absent: () => 4600 },
  hub: { plain: (value) => (typeof value === 'boolean' ? value : null), absent: () => false },
  store: { plain: (value) => (typeof value === 'string' && parseStoreAddress(value).ok ? value : null), absent: () => undefined },
  objects: { plain: matching(OBJECTS), absent: () => undefined },
  publicUrl: { plain: (value) => (typeof value === 'string' && isPublicUrl(value) ? value : null), absent: () => undefined },
  // Whether they are addresses, the schema judges.
  proxies: { plain: () => null, absent: () => [] },
  logLevel: { plain: (value) => LOG_LEVELS.find((level) => level === value) ?? null, absent: () => 'info' },
  metrics: { plain: (value) => (typeof value === 'boolean' ? value : null), absent: () => false },
  names: { plain: listOf(64, matching(HOST)), absent: () => [] },
  sources: { plain: listOf(256, plainSource), absent: () => [] },
  claude: { plain: plainClaude, absent: () => ({ categories: {}, include: [], exclude: [], notSecret: [] }) },
  mneme: { plain: plainMneme, absent: () => ({ enabled: false }) },
  claudeMem: { plain: plainClaudeMem, absent: () => ({ projects: [] }) },
};

/**
 * What the schema makes of settings that are plainly right, with its defaults; `null` for all others, which it has to
 * judge. The schema's library takes 50 ms to load, which is a quarter of a command's life.
 */
export function plainConfig(settings: Readonly<Record<string, unknown>>): ConfigFile | null {
  if (!hasOnly(settings, Object.keys(FIELDS))) return null;
  const values: Record<string, unknown> = {};
  for (const [key, { plain, absent }] of Object.entries(FIELDS)) {
    const value = settings[key];
    const taken = value === undefined ? absent() : plain(value);
    if (taken === null) return null;
    if (taken !== undefined) values[key] = taken;
  }
  return values as ConfigFile;
}

function plainSource(value: unknown): SourceConfig | null {
  if (!isObject(value) || !hasOnly(value, ['id', 'path', 'space', 'include', 'exclude'])) return null;
  const { id, path: folder, space, include, exclude } = value;
  if (typeof id !== 'string' || !SOURCE_ID.test(id) || OWN_SOURCES.includes(id) || !isFolder(folder)) return null;
  if (space !== undefined && !isText(space, 64)) return null;
  if (include !== undefined && patterns(include) === null) return null;
  if (exclude !== undefined && patterns(exclude) === null) return null;
  return value as unknown as SourceConfig;
}

function plainClaude(value: unknown): ConfigFile['claude'] | null {
  if (!isObject(value) || !hasOnly(value, ['categories', 'include', 'exclude', 'notSecret'])) return null;
  const { categories = {} } = value;
  if (!isObject(categories) || !hasOnly(categories, CLAUDE_CATEGORIES)) return null;
  if (!Object.values(categories).every((isOn) => typeof isOn === 'boolean')) return null;
  const [include, exclude, notSecret] = ['include', 'exclude', 'notSecret'].map((key) =>
    patterns(value[key] === undefined ? [] : value[key]),
  );
  if (!include || !exclude || !notSecret) return null;
  return { categories, include, exclude, notSecret };
}

/** What `satchel mneme serve` writes. */
function plainMneme(value: unknown): ConfigFile['mneme'] | null {
  if (!isObject(value) || !hasOnly(value, ['enabled', 'port'])) return null;
  const { enabled, port } = value;
  if (typeof enabled !== 'boolean' || (port !== undefined && !isPort(port))) return null;
  return value as unknown as ConfigFile['mneme'];
}

function plainClaudeMem(value: unknown): ConfigFile['claudeMem'] | null {
  if (!isObject(value) || !hasOnly(value, ['projects'])) return null;
  const projects = listOf(1000, plainMemProject)(value['projects'] === undefined ? [] : value['projects']);
  return projects === null ? null : { projects };
}

function plainMemProject(value: unknown): ConfigFile['claudeMem']['projects'][number] | null {
  if (!isObject(value) || !hasOnly(value, ['project', 'local', 'space'])) return null;
  const { project, local, space } = value;
  const isChoice = (local === true && space === undefined) || (local === undefined && isText(space, 64));
  return isText(project, 1024) && isChoice ? (value as ConfigFile['claudeMem']['projects'][number]) : null;
}

function patterns(value: unknown): string[] | null {
  return listOf(1000, (entry) => (isText(entry, 1024) ? entry : null))(value);
}

function listOf<T>(most: number, plain: Plain<T>): Plain<T[]> {
  return (value) => {
    if (!Array.isArray(value) || value.length > most) return null;
    const entries = value.map(plain).filter((entry) => entry !== null);
    return entries.length === value.length ? entries : null;
  };
}

function matching(pattern: RegExp): Plain<string> {
  return (value) => (typeof value === 'string' && pattern.test(value) ? value : null);
}

function isFolder(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0') && (value === '~' || value.startsWith('~/') || path.isAbsolute(value));
}

function isText(value: unknown, most: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= most;
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasOnly(value: object, keys: readonly string[]): boolean {
  return Object.keys(value).every((key) => keys.includes(key));
}
