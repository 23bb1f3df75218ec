import { recalling } from '../../core/recalling.ts';

/** A pattern made ready: whether it matches a name that was split by {@link segmentsOf}. */
export type Matcher = (segments: readonly string[]) => boolean;

/** A name's parts as patterns compare them. */
export function segmentsOf(name: string): readonly string[] {
  return name.toLowerCase().split('/');
}

/**
 * Whether a slash-separated name matches a pattern, as a whole and regardless of case. `**` stands for any number of
 * segments (none too), `*` for any characters of one segment, `?` for one character. Cost: O(pattern × name).
 */
export function matchPattern(pattern: string, name: string): boolean {
  return matcherOf(pattern)(segmentsOf(name));
}

const KEPT = 1_000;

/** The same few patterns are asked about every file of a home: each is taken apart once. */
export const matcherOf = recalling(makeMatcher, KEPT);

const ANY = '**';
type SegmentMatcher = typeof ANY | ((segment: string) => boolean);

function makeMatcher(pattern: string): Matcher {
  if (pattern === ANY) return () => true;
  const parts = segmentsOf(pattern).map((part): SegmentMatcher => (part === ANY ? ANY : makeSegmentMatcher(part)));
  return (segments) => matchSequence(parts, segments, ANY, (part, segment) => part !== ANY && part(segment));
}

function makeSegmentMatcher(part: string): (segment: string) => boolean {
  if (!part.includes('*') && !part.includes('?')) return (segment) => segment === part;
  if (part === '*') return () => true;
  const [start = '', end] = part.split('*');
  if (end !== undefined && part.indexOf('*') === part.lastIndexOf('*') && !part.includes('?')) {
    return (segment) => segment.length >= start.length + end.length && segment.startsWith(start) && segment.endsWith(end);
  }
  const characters = Array.from(part);
  return (segment) => segment === part || matchSequence(characters, Array.from(segment), '*', (p, c) => p === '?' || p === c);
}

/** Greedy, with one point to come back to: the last wild card. Going back further never helps. */
function matchSequence<P, E>(pattern: readonly P[], input: readonly E[], wildcard: P, matches: (part: P, element: E) => boolean): boolean {
  let p = 0;
  let i = 0;
  let retryPart = -1;
  let retryInput = 0;
  while (i < input.length) {
    const part = pattern[p];
    if (part !== undefined && part === wildcard) {
      retryPart = p;
      retryInput = i;
      p++;
    } else if (part !== undefined && matches(part, input[i] as E)) {
      p++;
      i++;
    } else if (retryPart >= 0) {
      retryInput++;
      p = retryPart + 1;
      i = retryInput;
    } else {
      return false;
    }
  }
  while (pattern[p] === wildcard && p < pattern.length) p++;
  return p === pattern.length;
}
