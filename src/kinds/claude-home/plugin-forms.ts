import { EMPTY_OBJECT, type JsonTree } from '../json/tree.ts';
import type { FormPart } from './form.ts';
import { createJsonForm } from './json-form.ts';

const INSTALLED = 'plugins/installed_plugins.json';
const MARKETPLACES = 'plugins/known_marketplaces.json';

/** When a machine last looked for something newer: its own business. */
const LOOKED = 'lastUpdated';
/** Of an entry that came from elsewhere: this machine has not looked yet. */
const NEVER_LOOKED = '1970-01-01T00:00:00.000Z';

/** plugins/installed_plugins.json: which plugins are there, by name, and where on this machine. */
export const installedPluginsForm = createJsonForm({
  id: 'installed-plugins',
  name: INSTALLED,
  mayHoldSecrets: false,
  partsAt: ([key, name]) => (key === undefined || (key === 'plugins' && name === undefined) ? 'inside' : 'part'),
  atOnce: ([key], { wanted, applied }) => (key === 'version' ? applied === null && isNumber(wanted) : wanted === null),
  absenceSaysNothing: (place) => place.length === 1,
  part: {
    extract: (file) => mapMember(file, 'plugins', (plugins) => mapMembers(plugins, (entries) => mapItems(entries, withoutLooked))),
    embed: (file, part) =>
      mapMember(withPlugins(part), 'plugins', (plugins) =>
        mapMembers(plugins, (entries, name) => {
          const before = itemsOf(member(member(file, 'plugins'), name));
          return mapItems(entries, (entry) => withLooked(entry, before.find((known) => samePlace(known, entry)) ?? null));
        }),
      ),
  },
});

/** plugins/known_marketplaces.json: where plugins come from, by name. */
export const knownMarketplacesForm = createJsonForm({
  id: 'known-marketplaces',
  name: MARKETPLACES,
  mayHoldSecrets: true,
  needsAll: (place) => place.length === 1,
  partsAt: ([name]) => (name === undefined ? 'inside' : 'part'),
  atOnce: (_place, { wanted }) => wanted === null,
  part: {
    extract: (file) => mapMembers(file, withoutLooked),
    embed: (file, part) => mapMembers(part, (entry, name) => withLooked(entry, member(file, name))),
  },
});

const FOLDERS = /^\{\{satchel:claude\}\}\/(plugins\/(?:cache|marketplaces)\/[^/]+(?:\/[^/]+)*)$/;

/**
 * The folders in the Claude home that an entry of a registry would make Claude Code load from, relative to it; `null`:
 * the part is no such entry, or not all of it lies where every folder needed an answer before it was put there.
 */
export function pluginFolders({ name, wanted }: FormPart): string[] | null {
  if (name !== INSTALLED && name !== MARKETPLACES) return null;
  const value: unknown = wanted === null ? null : JSON.parse(wanted);
  const entries: unknown[] = Array.isArray(value) ? value : [value];
  const key = name === INSTALLED ? 'installPath' : 'installLocation';
  const folders = entries.map((entry) => {
    const path = typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>)[key] : null;
    const folder = typeof path === 'string' ? FOLDERS.exec(path)?.[1] : undefined;
    return folder === undefined || folder.split('/').some((segment) => segment === '.' || segment === '..') ? null : folder;
  });
  return folders.length > 0 && folders.every((folder) => folder !== null) ? folders : null;
}

function withoutLooked(entry: JsonTree): JsonTree {
  if (entry.type !== 'object') return entry;
  return { type: 'object', members: new Map([...entry.members].filter(([key]) => key !== LOOKED)) };
}

function withLooked(entry: JsonTree, before: JsonTree | null): JsonTree {
  if (entry.type !== 'object') return entry;
  const looked: JsonTree = member(before, LOOKED) ?? { type: 'string', value: NEVER_LOOKED };
  return { type: 'object', members: new Map([...entry.members, [LOOKED, looked]]) };
}

function isNumber(canonical: string | null): boolean {
  return canonical !== null && typeof JSON.parse(canonical) === 'number';
}

/** Claude Code expects the list, be it empty. */
function withPlugins(part: JsonTree): JsonTree {
  if (part.type !== 'object' || part.members.has('plugins')) return part;
  return { type: 'object', members: new Map([...part.members, ['plugins', EMPTY_OBJECT]]) };
}

/** An entry of the same plugin for the same project. */
function samePlace(a: JsonTree, b: JsonTree): boolean {
  return ['scope', 'projectPath'].every((key) => textOf(member(a, key)) === textOf(member(b, key)));
}

function mapMember(tree: JsonTree, key: string, map: (value: JsonTree) => JsonTree): JsonTree {
  return mapMembers(tree, (value, name) => (name === key ? map(value) : value));
}

function mapMembers(tree: JsonTree, map: (value: JsonTree, key: string) => JsonTree): JsonTree {
  if (tree.type !== 'object') return tree;
  return { type: 'object', members: new Map([...tree.members].map(([key, value]) => [key, map(value, key)])) };
}

function mapItems(tree: JsonTree, map: (value: JsonTree) => JsonTree): JsonTree {
  return tree.type === 'array' ? { type: 'array', items: tree.items.map(map) } : tree;
}

function itemsOf(tree: JsonTree | null): readonly JsonTree[] {
  return tree?.type === 'array' ? tree.items : [];
}

function member(tree: JsonTree | null, key: string): JsonTree | null {
  return tree?.type === 'object' ? (tree.members.get(key) ?? null) : null;
}

function textOf(tree: JsonTree | null): string | null {
  return tree?.type === 'string' ? tree.value : null;
}
