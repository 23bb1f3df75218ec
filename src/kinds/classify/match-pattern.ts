/**
 * Whether a slash-separated name matches a pattern, as a whole and regardless of case. `**` stands for any number of
 * segments (none too), `*` for any characters of one segment, `?` for one character. Cost: O(pattern × name).
 */
export function matchPattern(pattern: string, name: string): boolean {
  if (pattern === '**') return true;
  const matchSegment = (part: string, segment: string): boolean =>
    part === segment || matchSequence(Array.from(part), Array.from(segment), '*', (p, c) => p === '?' || p === c);
  return matchSequence(pattern.toLowerCase().split('/'), name.toLowerCase().split('/'), '**', matchSegment);
}

/** Greedy, with one point to come back to: the last wild card. Going back further never helps. */
function matchSequence(
  pattern: readonly string[],
  input: readonly string[],
  wildcard: string,
  matches: (part: string, element: string) => boolean,
): boolean {
  let p = 0;
  let i = 0;
  let retry: { readonly p: number; i: number } | null = null;
  while (i < input.length) {
    const part = pattern[p];
    const element = input[i];
    if (part === wildcard) {
      retry = { p, i };
      p++;
    } else if (part !== undefined && element !== undefined && matches(part, element)) {
      p++;
      i++;
    } else if (retry !== null) {
      retry.i++;
      p = retry.p + 1;
      i = retry.i;
    } else {
      return false;
    }
  }
  while (pattern[p] === wildcard) p++;
  return p === pattern.length;
}
