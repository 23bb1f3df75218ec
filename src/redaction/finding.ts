/** What looks like a secret in a text. Never holds the secret itself. */
export interface Finding {
  /** What it seems to be: `GitHub token`. */
  readonly what: string;
  /** Place in the text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

/** The same for people and for storage: by line. */
export interface FoundSecret {
  readonly what: string;
  /** From 1. */
  readonly line: number;
}

/** Where findings lie, by line. O(text). */
export function byLine(text: string, findings: readonly Finding[]): FoundSecret[] {
  let line = 1;
  let at = 0;
  return findings
    .toSorted((a, b) => a.start - b.start)
    .map(({ what, start }) => {
      for (let next = text.indexOf('\n', at); next !== -1 && next < start; next = text.indexOf('\n', at)) {
        line += 1;
        at = next + 1;
      }
      return { what, line };
    });
}
