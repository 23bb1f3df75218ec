const LONGEST = 200;

/** One line of a text, cut at a character. */
export function titleOf(text: string): string {
  const line = text
    .slice(0, LONGEST * 4)
    .replaceAll(/\s+/g, ' ')
    .trim();
  return line.length <= LONGEST
    ? line
    : `${Array.from(line)
        .slice(0, LONGEST - 1)
        .join('')}…`;
}
