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

/** What stands in a file on its own: lines, elements, members of members. */
function entriesOf(file: SyncedFile, body: Uint8Array): Set<string> {
  const text = Buffer.from(body).toString('utf8');
  const value = file.endsWith('.json') ? parse(text) : undefined;
  if (value === undefined) return new Set(text.split('\n').filter((line) => line !== ''));
  const entries = new Set<string>();
  for (const [name, part] of members(value)) {
    const inner = members(part);
    if (inner.length === 0) entries.add(JSON.stringify([name, part]));
    for (const [key, each] of inner) entries.add(JSON.stringify([name, key, each]));
  }
  return entries;
}

/** Of an array, in whatever place they stand. */
function members(value: unknown): [string, unknown][] {
  if (Array.isArray(value)) return value.map((each): [string, unknown] => ['', each]);
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
