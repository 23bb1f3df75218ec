import { diffIndices } from 'node-diff3';

const CONTEXT = 3;
/** Comparing costs up to lines × differences: beyond this a summary serves better. */
const MOST_LINES = 20_000;

/**
 * A unified diff of two texts, without file headers; `null` where the changed part is too long to compare. Equal
 * beginnings and ends cost nothing. Foreign text: the caller makes it printable.
 */
export function unifiedDiff(before: string, after: string): string[] | null {
  const [a, b] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  if (left.length + right.length > MOST_LINES) return null;
  const changes = diffIndices(left, right).map(({ buffer1: [i, removed], buffer2: [j, added] }) => ({
    from: start + i,
    removed,
    to: start + j,
    added,
  }));
  return hunksOf(changes).flatMap((hunk) => hunkLines(hunk, a, b));
}

interface DiffChange {
  readonly from: number;
  readonly removed: number;
  readonly to: number;
  readonly added: number;
}

/** Changes whose contexts touch are one hunk. */
function hunksOf(changes: readonly DiffChange[]): DiffChange[][] {
  const hunks: DiffChange[][] = [];
  for (const change of changes) {
    const last = hunks.at(-1)?.at(-1);
    if (last !== undefined && change.from - (last.from + last.removed) <= 2 * CONTEXT) hunks.at(-1)?.push(change);
    else hunks.push([change]);
  }
  return hunks;
}

function hunkLines(hunk: readonly DiffChange[], a: readonly string[], b: readonly string[]): string[] {
  const [first, last] = [hunk[0] as DiffChange, hunk.at(-1) as DiffChange];
  const begin = Math.max(0, first.from - CONTEXT);
  const finish = Math.min(a.length, last.from + last.removed + CONTEXT);
  const lines: string[] = [];
  let at = begin;
  for (const { from, removed, to, added } of hunk) {
    lines.push(...a.slice(at, from).map((line) => ` ${line}`));
    lines.push(...a.slice(from, from + removed).map((line) => `-${line}`));
    lines.push(...b.slice(to, to + added).map((line) => `+${line}`));
    at = from + removed;
  }
  lines.push(...a.slice(at, finish).map((line) => ` ${line}`));
  const toBegin = first.to - (first.from - begin);
  const grown = hunk.reduce((sum, change) => sum + change.added - change.removed, 0);
  return [`@@ -${begin + 1},${finish - begin} +${toBegin + 1},${finish - begin + grown} @@`, ...lines];
}

function linesOf(text: string): string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  else lines.push(`${lines.pop() ?? ''}\n\\ No newline at end of file`);
  return lines;
}
