/** Where a line that all three versions hold stands in each. */
export interface Anchor {
  readonly base: number;
  readonly theirs: number;
  readonly ours: number;
}

/**
 * Lines that occur once in each of three versions and stand in the same order in all: what divides a large merge into
 * small ones. Does not depend on which side is which. Cost: O(n log n) for n lines.
 */
export function findAnchors(base: readonly number[], theirs: readonly number[], ours: readonly number[]): Anchor[] {
  const inTheirs = positionsOfUnique(theirs);
  const inOurs = positionsOfUnique(ours);
  const candidates: Anchor[] = [];
  for (const [line, position] of positionsOfUnique(base)) {
    const t = inTheirs.get(line);
    const o = inOurs.get(line);
    if (t !== undefined && o !== undefined) candidates.push({ base: position, theirs: t, ours: o });
  }
  candidates.sort((a, b) => a.base - b.base);
  // Each chain is increasing in base and one side; what is in both is increasing in all three.
  const theirChain = longestIncreasing(candidates.map((anchor) => anchor.theirs));
  const ourChain = longestIncreasing(candidates.map((anchor) => anchor.ours));
  return candidates.filter((_, i) => theirChain.has(i) && ourChain.has(i));
}

function positionsOfUnique(lines: readonly number[]): Map<number, number> {
  const positions = new Map<number, number>();
  const repeated = new Set<number>();
  lines.forEach((line, i) => {
    if (positions.has(line)) repeated.add(line);
    else positions.set(line, i);
  });
  for (const line of repeated) positions.delete(line);
  return positions;
}

/** Indices of a longest increasing subsequence of distinct numbers (patience sorting). */
function longestIncreasing(values: readonly number[]): Set<number> {
  const pileTops: number[] = [];
  const previous = Array.from(values, () => -1);
  values.forEach((value, i) => {
    let low = 0;
    let high = pileTops.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (valueAt(values, pileTops[middle]) < value) low = middle + 1;
      else high = middle;
    }
    previous[i] = low === 0 ? -1 : (pileTops[low - 1] ?? -1);
    pileTops[low] = i;
  });
  const chain = new Set<number>();
  for (let i = pileTops.at(-1) ?? -1; i >= 0; i = previous[i] ?? -1) chain.add(i);
  return chain;
}

function valueAt(values: readonly number[], index: number | undefined): number {
  return values[index ?? -1] ?? Number.NaN;
}
