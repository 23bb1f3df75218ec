import type { JsonlLines } from './split-jsonl.ts';

/**
 * Three-way union: theirs in their order, without what ours removed from base; then what ours added and theirs does
 * not have. The nth occurrence of a line is a line of its own. `null` if each side ends in its own unfinished line.
 * Cost: O(lines).
 */
export function unionLines(base: JsonlLines, theirs: JsonlLines, ours: JsonlLines): JsonlLines | null {
  const inBase = countLines(base.lines);
  const inTheirs = countLines(theirs.lines);
  const inOurs = countLines(ours.lines);
  const kept = withOccurrence(theirs.lines, (line, nth) => nth > (inBase.get(line) ?? 0) || nth <= (inOurs.get(line) ?? 0));
  const added = withOccurrence(ours.lines, (line, nth) => nth > (inBase.get(line) ?? 0) && nth > (inTheirs.get(line) ?? 0));
  const torn = mergeTorn(base.torn, theirs.torn, ours.torn);
  if (torn === null) return null;
  return { lines: [...kept, ...added], torn };
}

function mergeTorn(base: string, theirs: string, ours: string): string | null {
  if (theirs === ours || ours === base) return theirs;
  if (theirs === base) return ours;
  // No unfinished line any more is no wish against the other side's new one.
  if (theirs === '' || ours === '') return theirs + ours;
  return null;
}

function withOccurrence(lines: readonly string[], holds: (line: string, nth: number) => boolean): string[] {
  const seen = new Map<string, number>();
  return lines.filter((line) => {
    const nth = (seen.get(line) ?? 0) + 1;
    seen.set(line, nth);
    return holds(line, nth);
  });
}

function countLines(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}
