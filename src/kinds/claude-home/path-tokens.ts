/** Where a machine keeps things. Absolute paths, without a slash at the end. */
export interface MachinePaths {
  readonly home: string;
  readonly claudeHome: string;
}

const TOKEN = /\{\{satchel:(home|claude|text)\}\}/g;
const OPENING = '{{satchel:';
const ESCAPED = '{{satchel:text}}';

/** Before a path in a longer text: no character that a file's name or a longer path may end with. */
const BEFORE = String.raw`(?<![\p{L}\p{N}._~+@%/\\-])`;
/** After it: its end, or a separator, or nothing that a longer name may go on with. */
const AFTER = String.raw`(?![\p{L}\p{N}_~+@%-]|\.[\p{L}\p{N}_-])`;

/**
 * Writes this machine's Claude home and home folder as `{{satchel:claude}}` and `{{satchel:home}}`, wherever they stand in a
 * text as whole paths or the beginning of one. {@link fromPortable} of the result, on the same machine, is the text.
 */
export function toPortable(text: string, paths: MachinePaths): string {
  const escaped = text.replaceAll(OPENING, ESCAPED);
  const known = new Map([
    [paths.home, '{{satchel:home}}'],
    [paths.claudeHome, '{{satchel:claude}}'],
  ]);
  known.delete('/');
  known.delete('');
  // The longer first: the Claude home lies in the home folder, as a rule.
  const places = [...known.keys()].toSorted((a, b) => b.length - a.length);
  if (!places.some((place) => escaped.includes(place))) return escaped;
  const pattern = new RegExp(`${BEFORE}(?:${places.map(escapePattern).join('|')})${AFTER}`, 'gu');
  return escaped.replaceAll(pattern, (place) => known.get(place) ?? place);
}

/** Puts this machine's folders where tokens stand. */
export function fromPortable(text: string, paths: MachinePaths): string {
  if (!text.includes(OPENING)) return text;
  return text.replaceAll(TOKEN, (_token, word: string) => (word === 'home' ? paths.home : word === 'claude' ? paths.claudeHome : OPENING));
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}
