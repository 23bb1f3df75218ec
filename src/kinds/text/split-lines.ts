/**
 * Text as lines without their ends. `eol` is the end that all lines share, `null` where there is none to see (no line
 * is ended), `'mixed'` where they differ: then lines keep their carriage returns.
 */
export interface Lines {
  readonly lines: readonly string[];
  readonly eol: '\n' | '\r\n' | 'mixed' | null;
  /** Whether the last line is ended. */
  readonly finalEol: boolean;
}

/** Cost: O(length). `joinLines(splitLines(text))` is the text. */
export function splitLines(text: string): Lines {
  if (text === '') return { lines: [], eol: null, finalEol: false };
  const lines = text.split('\n');
  const finalEol = lines.at(-1) === '';
  if (finalEol) lines.pop();
  const ended = finalEol ? lines.length : lines.length - 1;
  let returns = 0;
  for (let i = 0; i < ended; i++) if (lines[i]?.endsWith('\r')) returns++;
  if (ended === 0) return { lines, eol: null, finalEol };
  if (returns === 0) return { lines, eol: '\n', finalEol };
  // A bare "\r" at the end of the unended last line is no line end, and could not be told from one once joined.
  if (returns < ended || (!finalEol && lines.at(-1)?.endsWith('\r'))) return { lines, eol: 'mixed', finalEol };
  return { lines: lines.map((line, i) => (i < ended ? line.slice(0, -1) : line)), eol: '\r\n', finalEol };
}

export function joinLines({ lines, eol, finalEol }: Lines): string {
  if (lines.length === 0) return '';
  const end = eol === '\r\n' ? '\r\n' : '\n';
  // An empty last line exists only by its end.
  return lines.join(end) + (finalEol || lines.at(-1) === '' ? end : '');
}

/** The same text in a form that keeps carriage returns in its lines, to compare it with mixed ones. */
export function withCarriageReturns(split: Lines): Lines {
  if (split.eol !== '\r\n') return split;
  const ended = split.finalEol ? split.lines.length : split.lines.length - 1;
  return { lines: split.lines.map((line, i) => (i < ended ? `${line}\r` : line)), eol: 'mixed', finalEol: split.finalEol };
}
