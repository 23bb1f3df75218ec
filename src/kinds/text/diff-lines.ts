import { diffIndices } from 'node-diff3';
import { findAnchors } from './anchors.ts';
import { DIFF_STEPS, stepsOf } from './merge-lines.ts';

/** A place where two texts differ: `removed` lines of the first from index `from`, `added` of the second from `to`. */
export interface LineChange {
  readonly from: number;
  readonly removed: number;
  readonly to: number;
  readonly added: number;
}

/**
 * Where two lists of lines differ, in order. Small, not always smallest: what lies between shared unique lines is
 * compared by itself, and a stretch that would cost more than is left of {@link DIFF_STEPS} is replaced as a whole.
 * Cost: O(n log n) for n lines, and those steps (half a second).
 */
export function diffLines(before: readonly string[], after: readonly string[]): LineChange[] {
  const ids = new Map<string, number>();
  const number = (line: string): number => {
    const id = ids.get(line) ?? ids.size;
    ids.set(line, id);
    return id;
  };
  const [a, b] = [before.map(number), after.map(number)];
  const anchors = findAnchors(a, b, b).map(({ base, ours }) => ({ from: base, to: ours }));
  const changes: LineChange[] = [];
  let steps = 0;
  let [start, toStart] = [0, 0];
  for (const anchor of [...anchors, { from: a.length, to: b.length }]) {
    let [i, j, end, toEnd] = [start, toStart, anchor.from, anchor.to];
    while (i < end && j < toEnd && a[i] === b[j]) [i, j] = [i + 1, j + 1];
    while (i < end && j < toEnd && a[end - 1] === b[toEnd - 1]) [end, toEnd] = [end - 1, toEnd - 1];
    const [left, right] = [a.slice(i, end), b.slice(j, toEnd)];
    const cost = left.length === 0 || right.length === 0 ? 0 : stepsOf(left, right);
    if (cost > 0 && steps + cost <= DIFF_STEPS) {
      steps += cost;
      for (const { buffer1, buffer2 } of diffIndices(left, right)) {
        changes.push({ from: i + buffer1[0], removed: buffer1[1], to: j + buffer2[0], added: buffer2[1] });
      }
    } else if (left.length + right.length > 0) {
      changes.push({ from: i, removed: left.length, to: j, added: right.length });
    }
    [start, toStart] = [anchor.from + 1, anchor.to + 1];
  }
  return changes;
}
