import { printable } from '../node/printable.ts';

export { printable } from '../node/printable.ts';

/** Marks up text for a terminal; leaves it as it is where colours are off. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

export function createStyle(color: boolean): Style {
  const wrap = (on: number, off: number) => (text: string) => (color ? `\u001b[${on}m${text}\u001b[${off}m` : text);
  return { bold: wrap(1, 22), dim: wrap(2, 22), red: wrap(31, 39), green: wrap(32, 39), yellow: wrap(33, 39) };
}

/** The same for a text of several lines: line breaks and tabs stay, a carriage return is seen. */
export function printableText(text: string): string {
  return text.replaceAll(/[^\n\t]+/g, printable);
}

/**
 * What a command says, as it goes to a terminal: whatever foreign text was put in unescaped does nothing there. Only our own line breaks
 * and styles get through. The last one of two nets: names are made printable where they are put in, since a line break in one counts too.
 */
export function safeForTerminal(text: string): string {
  return text.replaceAll(
    /\u001b\[(?:1|2|22|31|32|33|39)m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (part) => (part.length > 1 ? part : printable(part)),
  );
}

/** Bytes for people: `987 B`, `1.2 KB`, `151 MB` (powers of 1000). */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  let unit = '';
  for (unit of ['KB', 'MB', 'GB', 'TB']) {
    value /= 1000;
    // 999.5 would print as 1000.
    if (value < 999.5) break;
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** A duration for people: `320 ms`, `2.4 s`, `1 min 5 s`, `3 h 20 min`, `5 d 2 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
