import { matcherOf, matchPattern, segmentsOf } from '../classify/match-pattern.ts';
import { INVENTORY, type CarriedRow, type Category, type InventoryRow } from './inventory.ts';

/** What the user decided about the Claude home, in config.json. */
export interface InventoryChoice {
  /** Absent: on. */
  readonly categories: { readonly [K in Category]?: boolean | undefined };
  /** Carried although no line of the inventory names it, or one says never. */
  readonly include: readonly string[];
  /** Not carried whatever else is said. */
  readonly exclude: readonly string[];
}

export const DEFAULT_CHOICE: InventoryChoice = { categories: {}, include: [], exclude: [] };

/** What becomes of a name. */
export type Located =
  | { readonly type: 'carried'; readonly row: CarriedRow }
  /** Known, and not carried. */
  | { readonly type: 'local'; readonly why: string }
  /** No line names it: stays local until the user decides. */
  | { readonly type: 'unknown' };

/** Looks a name (NFC, relative to the Claude home) up in the inventory. O(lines that may be about what stands at its root). */
export function locate(name: string, choice: InventoryChoice = DEFAULT_CHOICE, lines: readonly InventoryRow[] = INVENTORY): Located {
  const segments = segmentsOf(name);
  const row = linesAbout(segments, lines).find(({ pattern }) => matcherOf(pattern)(segments));
  if (matchesAny(choice.exclude, name)) return { type: 'local', why: 'is excluded in config.json' };
  if (row?.class === 'never' && !row.overridable) return { type: 'local', why: row.why };
  if ((row === undefined || row.class === 'never') && matchesAny(choice.include, name)) return { type: 'carried', row: included(name) };
  if (row === undefined) return { type: 'unknown' };
  if (row.class === 'never') return { type: 'local', why: row.why };
  return isOn(row, choice) ? { type: 'carried', row } : { type: 'local', why: `belongs to ${row.category}, which is switched off` };
}

/** Whether the inventory knows nothing of a file, or of a folder and what may stand in it. */
export function isUnknown(name: string, isFolder: boolean, choice: InventoryChoice = DEFAULT_CHOICE): boolean {
  if (locate(name, choice).type !== 'unknown') return false;
  return !isFolder || !INVENTORY.some(({ pattern }) => !pattern.startsWith('**') && mayMatchBelow(pattern, name));
}

/** False for a folder in which nothing can be carried. */
export function mayHoldCarried(folder: string, choice: InventoryChoice = DEFAULT_CHOICE): boolean {
  const segments = segmentsOf(folder);
  const below = [
    [...segments, 'x'],
    [...segments, 'x', 'y'],
  ];
  if (choice.exclude.some((pattern) => coversAll(pattern, below))) return false;
  const covering = linesAbout(segments, INVENTORY).find(({ pattern }) => coversAll(pattern, below));
  if (covering?.class === 'never' && !covering.overridable) return false;
  if (choice.include.some((pattern) => mayMatchBelow(pattern, folder))) return true;
  if (covering !== undefined) return covering.class !== 'never' && isOn(covering, choice);
  return INVENTORY.some((row) => row.class !== 'never' && isOn(row, choice) && mayMatchBelow(row.pattern, folder));
}

/** Whether something under `folder` may match: compared segment by segment up to the pattern's first `**`. */
export function mayMatchBelow(pattern: string, folder: string): boolean {
  const wanted = pattern.split('/');
  const segments = folder.split('/');
  for (const [index, segment] of segments.entries()) {
    const part = wanted[index];
    if (part === undefined) return false;
    if (part === '**') return true;
    if (!matchPattern(part, segment)) return false;
  }
  return wanted.length > segments.length;
}

/** Whether a pattern names everything under a folder, of which these are some. */
function coversAll(pattern: string, below: readonly (readonly string[])[]): boolean {
  return pattern.endsWith('**') && below.every(matcherOf(pattern));
}

/** Lines by the first part of their pattern, in their order, and those that may be about anything. */
interface LinesByRoot {
  readonly byRoot: ReadonlyMap<string, readonly InventoryRow[]>;
  readonly rest: readonly InventoryRow[];
}

const sorted = new WeakMap<readonly InventoryRow[], LinesByRoot>();

/** The lines that can match what stands at or below a root, or leads there, in their order: some ten of ninety. */
function linesAbout([root = '']: readonly string[], lines: readonly InventoryRow[]): readonly InventoryRow[] {
  const known = sorted.get(lines) ?? sortByRoot(lines);
  sorted.set(lines, known);
  return known.byRoot.get(root) ?? known.rest;
}

function sortByRoot(lines: readonly InventoryRow[]): LinesByRoot {
  const rooted = lines.map((line) => ({ line, root: rootOf(line) }));
  const roots = new Set(rooted.map(({ root }) => root).filter((root) => root !== null));
  const about = (wanted: string | null): InventoryRow[] =>
    rooted.filter(({ root }) => root === null || root === wanted).map(({ line }) => line);
  return { byRoot: new Map(Array.from(roots, (root) => [root, about(root)])), rest: about(null) };
}

/** The first part of a pattern; `null` where that may be any. */
function rootOf({ pattern }: InventoryRow): string | null {
  const [root = ''] = segmentsOf(pattern);
  return root.includes('*') || root.includes('?') ? null : root;
}

function isOn(row: CarriedRow, choice: InventoryChoice): boolean {
  return row.category === null || choice.categories[row.category] !== false;
}

/** Of what the user included nothing is known: it could be executed. */
function included(name: string): CarriedRow {
  return { pattern: name, class: 'portable', category: null, applies: 'consent', form: null };
}

function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matchPattern(pattern, name));
}
