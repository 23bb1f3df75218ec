import type { SyncedFile } from './schema.ts';

/**
 * Whether a client's content was made from what it was offered, where nobody knows whether that arrived. What the offer added to what
 * the client had before must be in it: one entry that says when it was made is enough, since nobody else made that, and of others most
 * of them. Else it counts as never received, so that what it lacks is not taken for deleted. Pure; O(bytes).
 */
export function isMadeFrom(
  file: SyncedFile,
  sides: { readonly before: Uint8Array | null; readonly offered: Uint8Array; readonly ours: Uint8Array },
): boolean {
  const before = sides.before === null ? new Map<string, boolean>() : entriesOf(file, sides.before);
  const added = [...entriesOf(file, sides.offered)].filter(([entry]) => !before.has(entry));
  const ours = entriesOf(file, sides.ours);
  const found = added.filter(([entry]) => ours.has(entry));
  return found.some(([, isStamped]) => isStamped) || found.length * 2 > added.length;
}

/**
 * What stands in a file on its own, wherever: lines, and elements of lists, and whether they say to the second when they were made. What
 * changes in place, as counts and times do, says nothing.
 */
function entriesOf(file: SyncedFile, body: Uint8Array): Map<string, boolean> {
  const text = Buffer.from(body).toString('utf8');
  const entries = new Map<string, boolean>();
  const value = file.endsWith('.json') ? parse(text) : undefined;
  if (value !== undefined) collect(value, '', 0, entries);
  else for (const line of text.split('\n')) if (line !== '') entries.set(line, isStamped(parse(line)));
  return entries;
}

const DEPTH = 8;

function collect(value: unknown, path: string, depth: number, into: Map<string, boolean>): void {
  if (Array.isArray(value)) for (const each of value) into.set(`${path}\0${JSON.stringify(each)}`, isStamped(each));
  else if (typeof value === 'object' && value !== null && depth < DEPTH)
    for (const [name, part] of Object.entries(value)) collect(part, `${path}\0${name}`, depth + 1, into);
}

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;

function isStamped(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && 'ts' in entry && typeof entry.ts === 'string' && STAMP.test(entry.ts);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
