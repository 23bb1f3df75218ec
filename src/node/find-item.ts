import path from 'node:path';
import type { HistoryEntry, ItemState } from '../core/ports/store.ts';
import { itemKey } from '../core/item.ts';
import { MNEME_PREFIX } from '../kinds/mneme/names.ts';
import { KINDS } from '../kinds/registry.ts';
import { parseFoundId } from '../core/found-id.ts';
import { mnemeNameInSpace } from './mneme/known-names.ts';
import { findFound } from './recall/find-found.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { OperationFailure } from './operations/operation.ts';
import { carries } from './tree-sources.ts';

/**
 * An item by what a person types: its name, `kind:name`, the path of its file on this machine, or the id by which `search`
 * found it. Deleted items are found too, by their history.
 */
export async function findItem(node: SatchelNode, open: OpenSpace, text: string): Promise<ItemState> {
  const name = nameOf(open, text);
  const found = await findByName(node, open, name);
  // Of mneme's projects people know what its client calls them.
  const kind = name.slice(0, name.length - bareName(name).length);
  const mapped = found === null ? await mnemeNameInSpace(open, bareName(name)) : null;
  const state = found ?? (mapped === null ? null : await findByName(node, open, kind + mapped));
  if (state !== null) return state;
  const byId = parseFoundId(text)?.number === null ? await findFound(node, open.entry.name, text) : null;
  const seen = byId === null ? undefined : (await open.replica.visible([byId.item])).get(itemKey(byId.item));
  if (seen !== undefined) return seen;
  const near = await nearItems(open, bareName(name));
  const isFolder = (await open.replica.list({ prefix: `${bareName(mapped ?? name)}/` })).length > 0;
  const next = isFolder
    ? `What lies under it: satchel log ${bareName(name)}/`
    : near.length === 0
      ? 'Run: satchel log'
      : `Did you mean: ${near.join(', ')}?`;
  throw new OperationFailure('usage', 'no-item', `there is no item ${JSON.stringify(text)} in ${open.entry.name}`, next);
}

/** Without the kind before it. */
function bareName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

async function findByName(node: SatchelNode, open: OpenSpace, name: string): Promise<ItemState | null> {
  const kinds = name.includes(':') ? [name.slice(0, name.indexOf(':'))] : [];
  const bare = bareName(name);
  const { space } = open.entry;
  const live = (await open.replica.list({ prefix: bare })).filter((s) => s.item.name === bare);
  const logged = await node.store.read((tx) =>
    tx.items.get(
      space,
      KINDS.map(({ id }) => ({ kind: id, name: bare })),
    ),
  );
  const all = new Map<string, ItemState>();
  for (const state of logged.values()) all.set(itemKey(state.item), { ...state, content: null });
  for (const state of live) all.set(itemKey(state.item), state);
  const found = [...all.values()].filter((s) => kinds.length === 0 || kinds.includes(s.item.kind));
  const alive = found.filter((s) => s.content !== null);
  const [state] = alive.length > 0 ? alive : found;
  if (alive.length > 1)
    throw new OperationFailure(
      'usage',
      'ambiguous-item',
      `${alive.map((s) => `${s.item.kind}:${s.item.name}`).join(' and ')} both exist`,
      'Name one with its kind',
    );
  return state ?? null;
}

/** How the names of a folder's items begin, by what a person types: its name or its path on this machine, with a slash behind it. */
export async function findPrefix(node: SatchelNode, open: OpenSpace, text: string): Promise<string> {
  const typed = prefixOf(open, text);
  const isThere = async (prefix: string): Promise<boolean> => {
    const [logged] = await node.store.read((tx) => tx.items.list(open.entry.space, { prefix, limit: 1, deleted: true }));
    return logged !== undefined || (await open.replica.list({ prefix })).length > 0;
  };
  const inSpace = typed === MNEME_PREFIX || (await isThere(typed)) ? null : await mnemeNameInSpace(open, typed);
  const prefix = inSpace ?? typed;
  if (!(await isThere(prefix)))
    throw new OperationFailure('usage', 'no-item', `nothing lies under ${JSON.stringify(text)} in ${open.entry.name}`, 'Run: satchel log');
  return prefix;
}

function prefixOf(open: OpenSpace, text: string): string {
  // The folder itself is carried, as what is in it is.
  const root = open.sources.find(({ definition }) => path.isAbsolute(text) && path.relative(definition.root, text) === '');
  return root === undefined ? `${nameOf(open, text.replace(/\/+$/, ''))}/` : root.definition.prefix;
}

const NEAR = 3;

/** Names that end so, whatever their case: what was typed may be the file's name alone. O(items). */
async function nearItems(open: OpenSpace, text: string): Promise<string[]> {
  const wanted = text.toLowerCase();
  const names = (await open.replica.list()).map(({ item }) => item.name);
  const near = names.filter((name) => name.toLowerCase() === wanted || name.toLowerCase().endsWith(`/${wanted}`));
  return wanted === '' ? [] : [...new Set(near)].slice(0, NEAR);
}

function nameOf(open: OpenSpace, text: string): string {
  if (!path.isAbsolute(text)) return text.normalize('NFC').replace(/^\.\//, '');
  for (const { definition } of open.sources) {
    const relative = path.relative(definition.root, text).split(path.sep).join('/').normalize('NFC');
    if (relative === '' || relative === '..' || relative.startsWith('../')) continue;
    // Of a whole HOME only some files are meant; elsewhere what is not carried now may have been once.
    if (definition.mayBeEmpty !== true || carries(definition, relative)) return definition.prefix + relative;
  }
  throw new OperationFailure('usage', 'not-carried', 'that path is in no folder that this space carries', 'Run: satchel status');
}

/** One revision by its id or the beginning of it (4 characters at least); versions kept by open conflicts too. */
export async function findRevision(node: SatchelNode, open: OpenSpace, text: string): Promise<HistoryEntry> {
  if (!/^[0-9a-f]{4,64}$/.test(text))
    throw new OperationFailure(
      'usage',
      'bad-revision',
      'a revision is 4 to 64 characters of 0-9 a-f, such as 3f9a12cd',
      'They stand before each change in: satchel log',
    );
  const found = await node.store.read((tx) => tx.items.findRevision(open.entry.space, text));
  // What a conflict kept here may not be in the log yet.
  for (const { sibling, ...kept } of await open.replica.siblings()) {
    if (sibling.startsWith(text)) found.push({ ...kept, revision: sibling, type: 'keep', index: 0 });
  }
  const ids = new Set(found.map((entry) => entry.revision));
  if (ids.size === 0)
    throw new OperationFailure(
      'usage',
      'no-revision',
      `there is no revision ${text}`,
      'Run: satchel log, where they stand before each change',
    );
  if (ids.size > 1)
    throw new OperationFailure(
      'usage',
      'ambiguous-revision',
      `more than one revision begins with ${text}: ${[...ids]
        .slice(0, 4)
        .map((id) => id.slice(0, 12))
        .join(', ')}`,
      'Use more characters',
    );
  return found[0] as HistoryEntry;
}
