import { createHash } from 'node:crypto';
import { isTemporary, type FileStat, type Folding, type TreeScan } from '../../core/ports/files.ts';
import type { TreeContext } from './context.ts';

/**
 * How the tree looked when all of it was last known to be what the views show, in a few bytes that stay when the process
 * ends: most scans find nothing, and this is how they find it without reading thousands of views.
 */
export interface SeenTree {
  /** What was kept, unless a view was written since. */
  get(): Promise<string | null>;
  /** Not where a view was written, other than by a capture, since `writes` was `since`. */
  keep(look: string, since: number): Promise<void>;
  writes(): number;
}

/** Another number where what a round makes of the same tree changes, so that what was kept before counts no more. */
const VERSION = 1;
/** Size, times, inode and mode, 8 bytes each. */
const NUMBERS = 5;

/**
 * A digest of all that a round over the whole tree goes by, besides the views: equal for equal trees. `null` where it goes
 * by more, or is not done with what stands there, or nothing is kept of it. About 1 µs an entry.
 */
export function lookOf({ rules, seen }: TreeContext, scan: TreeScan): string | null {
  if (seen === undefined || scan.root === null || scan.unreadable.length > 0) return null;
  const names: string[] = [];
  const numbers = new BigInt64Array(scan.entries.size * NUMBERS);
  let at = 0;
  for (const [path, stat] of scan.entries) {
    if (isTemporary(path) || path !== path.normalize('NFC')) return null;
    const kind = stat.type === 'folder' ? null : rules.classify(path);
    // What such a link leads to may count, and can change without it.
    if (stat.type === 'link' && kind === null && rules.enters?.(path) !== false) return null;
    names.push(path, stat.type, kind?.kind ?? '');
    if (kind === null) continue;
    at = write(numbers, at, stat);
  }
  // Another disk may look the same where nothing of ours is on it.
  if (at === 0) return null;
  const hash = createHash('sha256').update(`${VERSION}\0`).update(names.join('\0'));
  return hash.update(new Uint8Array(numbers.buffer, 0, at * BigInt64Array.BYTES_PER_ELEMENT)).digest('hex');
}

function write(numbers: BigInt64Array, at: number, { size, mtimeNs, ctimeNs, ino, mode }: FileStat): number {
  numbers[at] = BigInt(size);
  numbers[at + 1] = mtimeNs;
  numbers[at + 2] = ctimeNs;
  numbers[at + 3] = ino;
  numbers[at + 4] = BigInt(mode);
  return at + NUMBERS;
}

/**
 * The tree looks as it did when nothing in it was new. How its disk takes names was kept with that, since finding it out means to
 * write into the tree.
 */
export async function isAsSeen({ seen, memory }: TreeContext, look: string | null): Promise<boolean> {
  if (look === null) return false;
  const [digest, disk] = (await seen?.get())?.split(' ') ?? [];
  const folding = foldingOf(disk);
  if (digest !== look || folding === null) return false;
  memory.folding ??= folding;
  return true;
}

/**
 * After a round over the whole tree by whose end each file is what its view shows, for good, and nothing else is to do.
 * `since`: what was written of the views before it.
 */
export async function keepSeen({ seen, memory }: TreeContext, look: string | null, since: number): Promise<void> {
  const { folding } = memory;
  const others = memory.skipped.size + memory.torn.size + memory.followed.size + memory.unsettled.size;
  if (look === null || folding === null || memory.state.type !== 'ok' || others > 0) return;
  await seen?.keep(`${look} ${DISKS.find((disk) => isSame(foldingOf(disk), folding))}`, since);
}

/** How a disk takes names, as it is kept: which differences between names it does not see. */
const DISKS = ['exact', 'case', 'unicode', 'case+unicode'] as const;

function foldingOf(disk: string | undefined): Folding | null {
  if (!DISKS.some((known) => known === disk)) return null;
  const folded = disk?.split('+') ?? [];
  return { case: folded.includes('case'), unicode: folded.includes('unicode') };
}

function isSame(a: Folding | null, b: Folding): boolean {
  return a?.case === b.case && a.unicode === b.unicode;
}
