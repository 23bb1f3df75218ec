import { placeOf, shownText } from './part-words.ts';
import { fromPortable, type MachinePaths } from './path-tokens.ts';
import { pointerOf } from './secret-marks.ts';

/** What of an item is not whole on this machine, since a value of it is secret and stays where it was written. */
export interface MissingValues {
  /** `MCP server db`, `settings.json`. */
  readonly title: string;
  /** Which values: `env → API_KEY`, `its 3rd argument`. */
  readonly values: readonly string[];
  /** False where nothing of it is here without them: half a command line is worse than none. */
  readonly in_place: boolean;
  /** Its JSON pointer, as the space spells it. */
  readonly pointer: string;
  /** The members of the file below which it is to be written: `mcpServers`. */
  readonly under: readonly string[];
  /** What to write there, as JSON on one line, {@link YOUR_VALUE} where the values belong. */
  readonly example: string;
}

export const YOUR_VALUE = 'YOUR VALUE';

const MARK = /\{\{satchel:secret(?: \d+)?\}\}/;

/**
 * What pointers to values that this machine has none for mean for a person. `full`: the item as the space has it. Values
 * of one MCP server, or of one object elsewhere, go together. Pure.
 */
export function missingValues(name: string, full: unknown, needs: readonly string[], paths: MachinePaths): MissingValues[] {
  const groups = new Map<string, string[][]>();
  for (const pointer of needs) {
    const place = placeOf(pointer);
    const key = JSON.stringify(ownerOf(place));
    groups.set(key, [...(groups.get(key) ?? []), place]);
  }
  return [...groups].map(([key, places]) => {
    const owner = JSON.parse(key) as string[];
    const shown = owner.map((part) => shownText(part, paths));
    const isServer = shown.at(-2) === 'mcpServers';
    const isLeftOut = places.some((place) => hasList(full, place) || /^(?:url|command)$/.test(place.at(-1) ?? ''));
    return {
      pointer: pointerOf(owner),
      title: isServer ? `MCP server ${shown.at(-1)}${shown.length > 2 ? ` of ${shown[1]}` : ''}` : name,
      values: places.flatMap((place) => valueWords(full, place, isServer ? owner.length : 0, paths)),
      in_place: !isLeftOut,
      under: shown.slice(0, -1),
      example: `${JSON.stringify(shown.at(-1) ?? '')}: ${JSON.stringify(exampleOf(at(full, owner), paths))}`,
    };
  });
}

/** A server, else the member itself at the top. */
function ownerOf(place: readonly string[]): string[] {
  const servers = place.indexOf('mcpServers');
  return place.slice(0, servers >= 0 && place.length > servers + 1 ? servers + 2 : 1);
}

function hasList(full: unknown, place: readonly string[]): boolean {
  return place.some((_, index) => Array.isArray(at(full, place.slice(0, index + 1))));
}

function valueWords(full: unknown, place: readonly string[], from: number, paths: MachinePaths): string[] {
  const words = place.slice(from).map((key) => shownText(key, paths));
  const value = at(full, place);
  if (!Array.isArray(value)) return [words.join(' → ')];
  return value.flatMap((item, index) =>
    MARK.test(JSON.stringify(item))
      ? [words.join() === 'args' ? `its ${ordinal(index + 1)} argument` : `the ${ordinal(index + 1)} of ${words.join(' → ')}`]
      : [],
  );
}

function at(value: unknown, place: readonly string[]): unknown {
  return place.reduce<unknown>(
    (current, key) =>
      typeof current === 'object' && current !== null && Object.hasOwn(current, key)
        ? (current as Record<string, unknown>)[key]
        : undefined,
    value,
  );
}

function exampleOf(value: unknown, paths: MachinePaths): unknown {
  if (typeof value === 'string') return MARK.test(value) ? YOUR_VALUE : fromPortable(value, paths);
  if (Array.isArray(value)) return value.map((item) => exampleOf(item, paths));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [fromPortable(key, paths), exampleOf(member, paths)]));
}

function ordinal(number: number): string {
  const last = number % 100 >= 11 && number % 100 <= 13 ? 0 : number % 10;
  return `${number}${['th', 'st', 'nd', 'rd'][last] ?? 'th'}`;
}
