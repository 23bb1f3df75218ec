import { locate, type InventoryChoice } from './locate.ts';

/** What one answer covers: a file, or a folder that is only ever put in place whole. */
export interface ConsentUnit {
  readonly type: 'file' | 'folder';
  readonly path: string;
  /** What is removed can do harm too: a hook that forbids something guards this machine. */
  readonly removalAsks: boolean;
}

/** Folders that are units, by the segments above them: `skills/pdf`, `plugins/cache/market/plugin`. */
const UNITS: readonly { readonly above: string; readonly depth: number }[] = [
  { above: 'skills', depth: 2 },
  { above: 'plugins/cache', depth: 4 },
  { above: 'plugins/marketplaces', depth: 3 },
];

const GUARDS = 'hooks';

/**
 * Under which answer an item of the Claude home may be put in place; `null`: under none, it is inert. A link is never
 * inert: it makes something else stand at its name. Case does not matter, since it does not on every disk.
 */
export function consentUnit(name: string, isLink: boolean, choice?: InventoryChoice): ConsentUnit | null {
  const located = locate(name, choice);
  if (located.type !== 'carried' || located.row.applies === 'at-once') {
    return isLink || located.type !== 'carried' ? { type: 'file', path: name, removalAsks: false } : null;
  }
  const removalAsks = located.row.category === GUARDS;
  const segments = name.split('/');
  const unit = UNITS.find(({ above, depth }) => name.toLowerCase().startsWith(`${above}/`) && segments.length > depth);
  if (unit === undefined) return { type: 'file', path: name, removalAsks };
  return { type: 'folder', path: segments.slice(0, unit.depth).join('/'), removalAsks };
}
