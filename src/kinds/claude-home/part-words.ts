import { fromPortable, type MachinePaths } from './path-tokens.ts';

const SECRET = /\{\{satchel:secret(?: \d+)?\}\}/g;

/** What a person reads where a secret value stands that stays on its machine. */
export const SECRET_SHOWN = '(a secret that stays on its machine)';

/** A text as the space spells it, for people: this machine's folders where tokens stand, and words where a secret does. */
export function shownText(text: string, paths: MachinePaths): string {
  return fromPortable(text.replaceAll(SECRET, SECRET_SHOWN), paths);
}

/** The members that a JSON pointer leads through. */
export function placeOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/**
 * A part of an item with a form, for people: `MCP server db`, `settings.json: permissions → allow`. `value` is what stands
 * or is to stand there; an entry of a list is not named by itself once more.
 */
export function partTitle(name: string, pointer: string, value: unknown, paths: MachinePaths): string {
  const place = placeOf(pointer).map((key) => shownText(key, paths));
  const [top, second, third, fourth] = place;
  if (name === '.claude.json' && top === 'mcpServers' && second !== undefined) return `MCP server ${second}`;
  if (name === '.claude.json' && top === 'projects' && third === 'mcpServers' && fourth !== undefined)
    return `MCP server ${fourth} of ${second}`;
  const members = typeof value === 'string' && place.at(-1) === shownText(value, paths) ? place.slice(0, -1) : place;
  return members.length === 0 ? name : `${name}: ${members.join(' → ')}`;
}
