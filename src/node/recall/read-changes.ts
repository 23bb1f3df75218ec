import { createHash, type Hash } from 'node:crypto';
import type { Content } from '../../core/content.ts';
import type { Item } from '../../core/item.ts';
import type { HeldItem, IndexChange, Passage } from '../../core/ports/text-index.ts';
import type { Bodies } from '../../core/replica/bodies.ts';
import { readingOf, type Reading } from '../../kinds/passages/reading-of.ts';
import { readParts } from './read-range.ts';
import type { Origin } from './record-origins.ts';

/** An item whose body is to be read. */
export interface Wanted {
  readonly item: Item;
  readonly content: Content;
  readonly before: HeldItem | null;
  readonly origin: Origin;
  readonly isUnsettled: boolean;
}

export interface ReadChange {
  readonly change: IndexChange;
  /** Characters to be indexed. */
  readonly text: number;
}

/** Bytes read together, and lines that become passages together. */
const PART = 1024 * 1024;
const NEWLINE = 10;

/** What an index has to write for an item. Throws BodyUnavailable. Cost: O(body); of one that grew, the new end and a hash of the rest. */
export async function* readChanges(bodies: Bodies, wanted: Wanted): AsyncGenerator<ReadChange> {
  const reading = readingOf(wanted.item);
  if (reading?.type === 'lines') yield* readLines(bodies, wanted, reading);
  else if (reading !== null) yield await readWhole(bodies, wanted, reading);
}

async function readWhole(
  bodies: Bodies,
  { item, content, origin, isUnsettled }: Wanted,
  reading: Reading & { type: 'one' | 'whole' },
): Promise<ReadChange> {
  const passages = content.size > reading.largest ? [] : reading.passages(item.name, await bodies.read(content));
  const held = { item, digest: content.digest, bytes: 0, prefix: '', ...origin, isUnsettled };
  return { change: { type: 'put', held, keep: 0, passages }, text: sizeOf(passages) };
}

async function* readLines(bodies: Bodies, wanted: Wanted, reading: Reading & { type: 'lines' }): AsyncGenerator<ReadChange> {
  const { item, content, origin, isUnsettled } = wanted;
  const grown = await prefixOf(bodies, wanted);
  const hash = grown ?? createHash('sha256');
  let { bytes, keep } = grown === null ? { bytes: 0, keep: 0 } : { bytes: wanted.before?.bytes ?? 0, keep: wanted.before?.passages ?? 0 };
  const held = (isLast: boolean) => {
    const prefix = hash.copy().digest('hex');
    return { item, digest: isLast ? content.digest : null, bytes, prefix, ...origin, isUnsettled: isUnsettled || !isLast };
  };
  let rest: Uint8Array = new Uint8Array(0);
  for await (const part of readParts(bodies, content, bytes, PART)) {
    const end = part.lastIndexOf(NEWLINE) + 1;
    // A line that is longer than a part grows until it ends.
    const lines = end === 0 ? null : Buffer.concat([rest, part.subarray(0, end)]);
    rest = end === 0 ? Buffer.concat([rest, part]) : part.slice(end);
    if (lines === null) continue;
    const passages = reading.passages(item.name, lines, bytes);
    hash.update(lines);
    bytes += lines.length;
    yield { change: { type: 'put', held: held(false), keep, passages }, text: sizeOf(passages) };
    keep += passages.length;
  }
  yield { change: { type: 'put', held: held(true), keep, passages: [] }, text: 0 };
}

/** The hash of what is held already, to go on from; `null` where the body does not begin with it. */
async function prefixOf(bodies: Bodies, { content, before }: Wanted): Promise<Hash | null> {
  if (before === null || before.bytes === 0 || content.size < before.bytes) return null;
  const hash = createHash('sha256');
  let left = before.bytes;
  for await (const part of readParts(bodies, content, 0, PART)) {
    hash.update(part.subarray(0, left));
    left -= part.length;
    if (left <= 0) break;
  }
  return hash.copy().digest('hex') === before.prefix ? hash : null;
}

function sizeOf(passages: readonly Passage[]): number {
  return passages.reduce((sum, { title, text, tags }) => sum + title.length + text.length + tags.length, 0);
}
