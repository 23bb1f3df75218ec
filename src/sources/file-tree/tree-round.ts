import path from 'node:path';
import { parseItem, type Item } from '../../core/item.ts';
import { isTemporary, type FileStat, type ScanOptions, type TreeScan } from '../../core/ports/files.ts';
import type { View } from '../../core/ports/store.ts';
import type { TreeContext } from './context.ts';
import { staysInside } from './link-target.ts';
import { isLink } from './stat-note.ts';
import { diskPath } from './tree-memory.ts';

/** One file that a round looks at. */
export interface Candidate {
  readonly item: Item;
  readonly path: string;
  readonly stat: FileStat;
}

/** What stands at the looked-at paths. */
export interface TreeRound {
  readonly root: string | null;
  readonly candidates: readonly Candidate[];
  /** Names at which something stands, carried or not. */
  readonly present: ReadonlySet<string>;
  /** Folders (names) whose content could not be seen: nothing below counts as gone. */
  readonly unseen: readonly string[];
  readonly skipped: ReadonlyMap<string, string>;
  readonly temporaries: readonly { readonly path: string; readonly stat: FileStat }[];
  /** `null`: the whole tree; else the names that were looked at, with all below them. */
  readonly scope: ReadonlySet<string> | null;
}

/** All that stands in the tree; what a round before found out about it is forgotten. */
export function scanWhole(context: TreeContext): TreeScan {
  const { memory, files } = context;
  memory.spelling.clear();
  memory.skipped.clear();
  memory.followed.clear();
  files.follow(memory.followed);
  return files.scan(scanOptions(context));
}

/** Sorts out what may be carried: of the whole tree (`whole`), or of what stands at and under some paths. */
export function scanRound(
  context: TreeContext,
  what: { readonly whole: TreeScan } | { readonly paths: readonly string[] },
  viewOf: (name: string) => View | undefined,
): TreeRound {
  const { memory, files } = context;
  const scans =
    'whole' in what ? [what.whole] : outermost(context, spellingsOf(context, what.paths)).map((path) => scanPath(context, path));
  const entries = new Map(scans.length === 1 ? scans[0]?.entries : scans.flatMap((scan) => [...scan.entries]));
  const unreadable = scans.flatMap((scan) => scan.unreadable);
  for (const link of followedLinks(context, entries, viewOf)) {
    memory.followed.add(link);
    files.follow(memory.followed);
    const below = files.scan({ ...scanOptions(context), under: link });
    for (const [path, stat] of below.entries) entries.set(path, stat);
    unreadable.push(...below.unreadable);
  }

  const present = new Set<string>();
  const skipped = new Map<string, string>();
  const unseen: string[] = [];
  const candidates: Candidate[] = [];
  const temporaries: { path: string; stat: FileStat }[] = [];
  for (const [path, name, stat] of exactFirst(entries)) {
    if (isTemporary(path)) {
      temporaries.push({ path, stat });
      continue;
    }
    if (path !== name && shadowed(context, path, name, stat)) {
      present.add(name);
      if (stat.type !== 'folder') skipped.set(path, 'another file has the same name in another Unicode form');
      continue;
    }
    if (path !== name) memory.spelling.set(name, path);
    if (stat.type === 'folder') continue;
    present.add(name);
    const kind = context.rules.classify(name);
    if (stat.type === 'other' || (stat.type === 'link' && (kind === null || !isCarriedLink(context, path, name)))) unseen.push(name);
    if (kind === null) continue;
    const item = parseItem(kind.kind, name);
    if (item.ok) candidates.push({ item: item.value, path, stat });
    else skipped.set(name, item.error);
  }
  for (const { path, problem } of unreadable) {
    const name = path.normalize('NFC');
    unseen.push(name);
    present.add(name);
    if (path === '' || context.rules.enters?.(name) !== false) skipped.set(name, problem.message);
  }
  const scope = 'whole' in what ? null : new Set(what.paths.map((path) => path.normalize('NFC')));
  return { root: scans[0]?.root ?? null, candidates, present, unseen, skipped, temporaries, scope };
}

function scanOptions(context: TreeContext): ScanOptions {
  return { enters: (folder) => context.rules.enters?.(folder.normalize('NFC')) !== false };
}

/** The paths in each Unicode form that they may have on the disk. */
function spellingsOf(context: TreeContext, paths: readonly string[]): string[] {
  const names = paths.map((path) => path.normalize('NFC'));
  return [...new Set([...paths, ...names, ...names.map((name) => diskPath(context.memory, name))])];
}

/** Those that lie below no other one: a look at a folder that is entered is one at all that is in it. */
function outermost({ rules }: TreeContext, paths: readonly string[]): readonly string[] {
  const entered = new Set(paths.filter((path) => path === '' || rules.enters?.(path.normalize('NFC')) !== false));
  return paths.filter((path) => ![...foldersAbove(path)].some((folder) => entered.has(folder)));
}

/** The folders that a path lies in, up to the root (`''`). */
export function* foldersAbove(path: string): Generator<string> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) yield path.slice(0, end);
  if (path !== '') yield '';
}

/** On a disk that folds names, a look at a path answers for its other spellings: the folder's listing tells. */
function scanPath(context: TreeContext, path: string): TreeScan {
  const folds = context.memory.folding?.case === true || context.memory.folding?.unicode === true;
  if (folds && path !== '') {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    const listing = context.files.scan({ under: parent, enters: (folder) => folder === parent });
    if (listing.root !== null && listing.unreadable.length === 0 && !listing.entries.has(path)) return { ...listing, entries: new Map() };
  }
  return context.files.scan({ ...scanOptions(context), under: path });
}

/**
 * Links to folders and files elsewhere that the local user made: followed, so that what is kept in a dotfiles repository
 * is carried like anything else. What the view holds as a link arrived or travels as one. None is followed inside another.
 */
function followedLinks(context: TreeContext, entries: ReadonlyMap<string, FileStat>, viewOf: (name: string) => View | undefined): string[] {
  const links: string[] = [];
  for (const [path, stat] of entries) {
    if (stat.type !== 'link') continue;
    const name = path.normalize('NFC');
    const view = viewOf(name);
    if (isLink(view?.shown?.attributes ?? {}) || isLink(view?.intended?.content?.attributes ?? {})) continue;
    if ([...context.memory.followed].some((link) => path.startsWith(`${link}/`))) continue;
    const target = context.files.readLink(path);
    if (!target.ok || leadsToCarried(context, name, target.value)) continue;
    const type = context.files.leadsTo(path);
    if (type !== null && mayFollow(context, name, type)) links.push(path);
  }
  return links;
}

function mayFollow({ rules }: TreeContext, name: string, type: 'file' | 'folder'): boolean {
  const isCarried = type === 'file' ? rules.classify(name) !== null : rules.enters?.(name) !== false;
  return isCarried && (rules.follows?.(name, type) ?? type === 'folder');
}

/** A link inside the tree, except for one to a file that is not carried: elsewhere it would lead nowhere. */
function leadsToCarried({ rules, files }: TreeContext, name: string, target: string): boolean {
  if (!staysInside(name, target)) return false;
  const there = path.posix.join(path.posix.dirname(name), target);
  const stat = files.stat(there);
  return !stat.ok || stat.value.type !== 'file' || rules.classify(there) !== null;
}

function isCarriedLink(context: TreeContext, path: string, name: string): boolean {
  const target = context.files.readLink(path);
  return target.ok && staysInside(name, target.value);
}

function shadowed(context: TreeContext, path: string, name: string, stat: FileStat): boolean {
  const exact = context.files.stat(name);
  return exact.ok && exact.value.ino !== stat.ino && stat.type !== 'folder' && path !== name;
}

/** Paths with their names; those in the names' spelling come first, and win over another Unicode form of the same. */
function* exactFirst(entries: ReadonlyMap<string, FileStat>): Generator<readonly [path: string, name: string, stat: FileStat]> {
  const others: [string, string, FileStat][] = [];
  for (const [path, stat] of entries) {
    const name = isAscii(path) ? path : path.normalize('NFC');
    if (name === path) yield [path, name, stat];
    else others.push([path, name, stat]);
  }
  yield* others;
}

function isAscii(text: string): boolean {
  return !/[^\u0000-\u007f]/.test(text);
}
