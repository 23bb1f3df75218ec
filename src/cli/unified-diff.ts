import { diffLines, type LineChange } from '../kinds/text/diff-lines.ts';

const CONTEXT = 3;

/**
 * A unified diff of two texts, without file headers, as `patch` takes it; empty where they are equal. Foreign text: the
 * caller makes it printable. Cost: as `diffLines`.
 */
export function unifiedDiff(before: string, after: string): string[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  return hunksOf(diffLines(a, b)).flatMap((hunk) => hunkLines(hunk, a, b));
}

/** Changes whose contexts touch are one hunk. */
function hunksOf(changes: readonly LineChange[]): LineChange[][] {
  const hunks: LineChange[][] = [];
  for (const change of changes) {
    const last = hunks.at(-1)?.at(-1);
    if (last !== undefined && change.from - (last.from + last.removed) <= 2 * CONTEXT) hunks.at(-1)?.push(change);
    else hunks.push([change]);
  }
  return hunks;
}

function hunkLines(hunk: readonly LineChange[], a: readonly string[], b: readonly string[]): string[] {
  const [first, last] = [hunk[0] as LineChange, hunk.at(-1) as LineChange];
  const begin = Math.max(0, first.from - CONTEXT);
  const finish = Math.min(a.length, last.from + last.removed + CONTEXT);
  const lines: string[] = [];
  let at = begin;
  for (const { from, removed, to, added } of hunk) {
    for (const line of a.slice(at, from)) lines.push(` ${line}`);
    for (const line of a.slice(from, from + removed)) lines.push(`-${line}`);
    for (const line of b.slice(to, to + added)) lines.push(`+${line}`);
    at = from + removed;
  }
  for (const line of a.slice(at, finish)) lines.push(` ${line}`);
  const toBegin = first.to - (first.from - begin);
  const grown = hunk.reduce((sum, change) => sum + change.added - change.removed, 0);
  return [`@@ -${rangeOf(begin, finish - begin)} +${rangeOf(toBegin, finish - begin + grown)} @@`].concat(lines);
}

/** Lines count from 1; an empty range stands behind the line it names. */
function rangeOf(start: number, length: number): string {
  return `${length === 0 ? start : start + 1},${length}`;
}

function linesOf(text: string): string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  else lines.push(`${lines.pop() ?? ''}\n\\ No newline at end of file`);
  return lines;
}
