import type { SyncedFile } from './schema.ts';

/**
 * Whether a client's content was made from what it was offered, where nobody knows whether that arrived: most of what the offer
 * added to what the client had before must be in it. Else it counts as never received, so that what it lacks is not taken for
 * deleted. Pure; O(bytes).
 */
export function isMadeFrom(
  file: SyncedFile,
  sides: { readonly before: Uint8Array | null; readonly offered: Uint8Array; readonly ours: Uint8Array },
): boolean {
  const before = sides.before === null ? new Set<string>() : entriesOf(file, sides.before);
  const added = [...entriesOf(file, sides.offered)].filter((entry) => !before.has(entry));
  const ours = entriesOf(file, sides.ours);
  return added.length > 0 && added.filter((entry) => ours.has(entry)).length * 2 > added.length;
}

/** What stands in a file on its own, wherever: lines, and elements of lists. What changes in place, as counts and times do, says nothing. */
function entriesOf(file: SyncedFile, body: Uint8Array): Set<string> {
  const text = Buffer.from(body).toString('utf8');
  const value = file.endsWith('.json') ? parse(text) : undefined;
  if (value === undefined) return new Set(text.split('\n').filter((line) => line !== ''));
  const entries = new Set<string>();
  collect(value, '', 0, entries);
  return entries;
}

const DEPTH = 8;

function collect(value: unknown, path: string, depth: number, into: Set<string>): void {
  if (Array.isArray(value)) for (const each of value) into.add(`${path}\0${JSON.stringify(each)}`);
  else if (typeof value === 'object' && value !== null && depth < DEPTH)
    for (const [name, part] of Object.entries(value)) collect(part, `${path}\0${name}`, depth + 1, into);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
