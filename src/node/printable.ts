/**
 * Foreign text (names, messages, author names) made safe for a terminal: control characters, which could move the
 * cursor or recolour, and bidirectional marks, which could reorder what is read, become visible escapes.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g, (character) =>
    character === '\t' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
