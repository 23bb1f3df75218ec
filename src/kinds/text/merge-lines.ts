import { diff3MergeRegions } from 'node-diff3';
import { findAnchors } from './anchors.ts';

export type LinesOutcome =
  | { readonly type: 'merged'; readonly lines: readonly string[] }
  | { readonly type: 'overlap' }
  | { readonly type: 'too-costly' };

/**
 * Steps that diff3 may take: a line of base against a line of a side is one. Sixteen million take a fraction of a
 * second; both sides must have rewritten the same stretch of 2,800 lines, without a unique line left in it, to need more.
 */
export const DIFF_STEPS = 16_000_000;

/**
 * Three-way merge of lines. Changes of both sides that overlap or touch, and are not the same, do not merge.
 * diff3 is quadratic, so it only sees what lies between unique lines that all three share (`findAnchors`), and there
 * only what both sides changed. Cost: O(n log n) for n lines in all, and at most {@link DIFF_STEPS} beyond that.
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
      steps += (stretch.base.length + 1) * (stretch.theirs.length + stretch.ours.length);
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

/** What needs no diff: one side, or both in the same way, changed the stretch. */
function settle({ base, theirs, ours }: Stretch): readonly number[] | null {
  if (equal(theirs, ours) || equal(base, ours)) return theirs;
  if (equal(base, theirs)) return ours;
  return null;
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
