import { diff3MergeRegions } from 'node-diff3';
import { findAnchors } from './anchors.ts';

export type LinesOutcome =
  | { readonly type: 'merged'; readonly lines: readonly string[] }
  | { readonly type: 'overlap' }
  | { readonly type: 'too-costly' };

/**
 * Steps that diff3 may take in one merge, about half a second. Both sides must have rewritten the same stretch of
 * 15,000 lines without a shared unique line in it, or of 600 lines that are all the same, to need more.
 */
export const DIFF_STEPS = 500_000_000;

/**
 * Three-way merge of lines. Changes of both sides that overlap or touch, and are not the same, do not merge.
 * diff3 is quadratic (cubic where lines repeat), so it only sees what lies between unique lines that all three share
 * (`findAnchors`), and there only what both sides changed in more than one place each. Cost: O(n log n) for n lines in all, and at most {@link DIFF_STEPS} beyond that.
 */
export function mergeLines(base: readonly string[], theirs: readonly string[], ours: readonly string[]): LinesOutcome {
  const ids = new Map<string, number>();
  const texts: string[] = [];
  const number = (line: string): number => {
    const known = ids.get(line);
    if (known !== undefined) return known;
    ids.set(line, texts.length);
    return texts.push(line) - 1;
  };
  const all = { base: base.map(number), theirs: theirs.map(number), ours: ours.map(number) };
  const anchors = findAnchors(all.base, all.theirs, all.ours);

  const merged: number[] = [];
  let steps = 0;
  let from = { base: 0, theirs: 0, ours: 0 };
  const end = { base: base.length, theirs: theirs.length, ours: ours.length };
  for (const to of [...anchors, end]) {
    const stretch = trim({
      base: all.base.slice(from.base, to.base),
      theirs: all.theirs.slice(from.theirs, to.theirs),
      ours: all.ours.slice(from.ours, to.ours),
    });
    const settled = settle(stretch);
    if (settled === null) {
      steps += stepsOf(stretch.base, stretch.theirs) + stepsOf(stretch.base, stretch.ours);
      if (steps > DIFF_STEPS) return { type: 'too-costly' };
    }
    const middle = settled ?? diff3(stretch);
    if (middle === null) return { type: 'overlap' };
    for (const part of [stretch.before, middle, stretch.after]) for (const line of part) merged.push(line);
    const anchor = all.base[to.base];
    if (to !== end && anchor !== undefined) merged.push(anchor);
    from = { base: to.base + 1, theirs: to.theirs + 1, ours: to.ours + 1 };
  }
  return { type: 'merged', lines: merged.map((id) => texts[id] ?? '') };
}

interface Stretch {
  readonly base: readonly number[];
  readonly theirs: readonly number[];
  readonly ours: readonly number[];
}

/** Takes off the lines that all three begin and end with. */
function trim({ base, theirs, ours }: Stretch): Stretch & { readonly before: readonly number[]; readonly after: readonly number[] } {
  const shortest = Math.min(base.length, theirs.length, ours.length);
  let head = 0;
  while (head < shortest && base[head] === theirs[head] && base[head] === ours[head]) head++;
  let tail = 0;
  while (tail < shortest - head && base.at(-1 - tail) === theirs.at(-1 - tail) && base.at(-1 - tail) === ours.at(-1 - tail)) tail++;
  const middle = (lines: readonly number[]): readonly number[] => lines.slice(head, lines.length - tail);
  return {
    base: middle(base),
    theirs: middle(theirs),
    ours: middle(ours),
    before: base.slice(0, head),
    after: base.slice(base.length - tail),
  };
}

/** What needs no diff: one side, or both in the same way, changed the stretch, or each changed a part of its own. */
function settle({ base, theirs, ours }: Stretch): readonly number[] | null {
  if (equal(theirs, ours) || equal(base, ours)) return theirs;
  if (equal(base, theirs)) return ours;
  const [t, o] = [changedRange(base, theirs), changedRange(base, ours)];
  if (t.end < o.start) return [...base.slice(0, t.start), ...t.lines, ...base.slice(t.end, o.start), ...o.lines, ...base.slice(o.end)];
  if (o.end < t.start) return [...base.slice(0, o.start), ...o.lines, ...base.slice(o.end, t.start), ...t.lines, ...base.slice(t.end)];
  return null;
}

/** All that one side changed, as one replacement of base's lines from `start` to `end`. */
function changedRange(base: readonly number[], side: readonly number[]): { start: number; end: number; lines: readonly number[] } {
  const shorter = Math.min(base.length, side.length);
  let head = 0;
  while (head < shorter && base[head] === side[head]) head++;
  let tail = 0;
  while (tail < shorter - head && base.at(-1 - tail) === side.at(-1 - tail)) tail++;
  return { start: head, end: base.length - tail, lines: side.slice(head, side.length - tail) };
}

/** What the library's longest common subsequence may take: each pair of equal lines against each line of the result. */
export function stepsOf(base: readonly number[], side: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const line of base) counts.set(line, (counts.get(line) ?? 0) + 1);
  let pairs = 0;
  for (const line of side) pairs += counts.get(line) ?? 0;
  return base.length + side.length + pairs * Math.min(base.length, side.length);
}

function diff3({ base, theirs, ours }: Stretch): readonly number[] | null {
  const merged: number[] = [];
  for (const region of diff3MergeRegions([...theirs], [...base], [...ours])) {
    if (!region.stable && !equal(region.aContent, region.bContent)) return null;
    for (const line of region.stable ? region.bufferContent : region.aContent) merged.push(line);
  }
  return merged;
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i]);
}
