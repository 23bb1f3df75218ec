import { createHash } from 'node:crypto';
import { encodeCanonical } from '../../core/canonical.ts';
import type { Attributes, Content } from '../../core/content.ts';
import { bodySha256 } from '../../core/crypto/body-hash.ts';
import { equalBytes, sha256Hex } from '../../core/crypto/hash.ts';
import { bytesToHex, hexToBytes } from '../../core/ids.ts';
import type { Item } from '../../core/item.ts';
import type { FileStat } from '../../core/ports/files.ts';
import type { View } from '../../core/ports/store.ts';
import { BodyUnavailable, type Found } from '../../core/replica/workspace.ts';
import type { TreeContext } from './context.ts';
import { staysInside } from './link-target.ts';
import { attributesFrom, encodeNote, isRacy, looksLike, parseNote, type StatNote } from './stat-note.ts';
import { extendPrefix, rememberGrown, rememberPrefix } from './tree-memory.ts';

export type Inspection =
  /** `settled`: its stat alone tells, and will next time. */
  | { readonly type: 'clean'; readonly torn: boolean; readonly settled: boolean }
  /** `settled`: once it is captured, its stat alone tells. */
  | { readonly type: 'found'; readonly found: Found; readonly stat: FileStat; readonly torn: boolean; readonly settled: boolean }
  | { readonly type: 'skipped'; readonly reason: string }
  /** Looks as we put it there a moment ago: read later, when no other write can hide behind its times. */
  | { readonly type: 'unsettled' }
  /** Changed while it was read. */
  | { readonly type: 'changing' };

export interface InspectOptions {
  /** A grown file whose old end still stands counts as grown, unread; a full scan reads it whole. */
  readonly trustPrefix: boolean;
  /** A file that looks as we put it there a moment ago may be read later. */
  readonly mayWait: boolean;
  /** Take a file that holds half of an interrupted apply as it is. */
  readonly takeInterrupted: boolean;
}

const READS = 3;
const NEWLINE = 10;

/** Compares one file with its view. Reads it only where its stat differs from the note. */
export async function inspectFile(
  context: TreeContext,
  item: Item,
  path: string,
  stat: FileStat,
  view: View | undefined,
  options: InspectOptions,
): Promise<Inspection> {
  const note = view?.shown === null || view?.shown === undefined ? null : parseNote(view.local);
  if (note !== null && !note.unsettled && looksLike(note, stat)) {
    const torn = note.length < note.stat.size;
    if (!torn || !isOldTear(context, item, stat)) return { type: 'clean', torn, settled: !torn };
  }
  if (
    options.mayWait &&
    context.memory.putHere.has(item.name) &&
    note !== null &&
    view?.intended === null &&
    note.length === stat.size &&
    looksLike(note, stat)
  ) {
    if (isRacy(stat, context.clock.now(), context.limits.racyMs)) return { type: 'unsettled' };
  }
  context.memory.putHere.delete(item.name);
  if (stat.type === 'link') return inspectLink(context, item, path, stat, view, note);
  if (stat.type !== 'file') return { type: 'skipped', reason: 'is neither a file nor a link' };
  if (stat.size > context.limits.fileBytes) {
    return { type: 'skipped', reason: `is larger than ${Math.floor(context.limits.fileBytes / 1_048_576)} MiB` };
  }
  for (let attempt = 0; attempt < READS; attempt += 1) {
    const grown = options.trustPrefix && note !== null ? await inspectGrowth(context, item, path, view, note) : null;
    if (grown !== null && grown.type !== 'changing') return grown;
    const readAt = context.clock.now();
    const read = await context.files.read(path);
    if (read.ok) {
      const { bytes, stat: whenRead } = read.value;
      return inspectBody(context, item, bytes, whenRead, read.value.readAt ?? readAt, view, note, options);
    }
    if (read.error.type !== 'changed') return { type: 'skipped', reason: read.error.message };
  }
  return { type: 'changing' };
}

function inspectLink(
  context: TreeContext,
  item: Item,
  path: string,
  stat: FileStat,
  view: View | undefined,
  note: StatNote | null,
): Inspection {
  const readAt = context.clock.now();
  const target = context.files.readLink(path);
  if (!target.ok) return target.error.type === 'missing' ? { type: 'changing' } : { type: 'skipped', reason: target.error.message };
  if (!staysInside(item.name, target.value)) return { type: 'skipped', reason: whyLocal(context, path) };
  const body = Buffer.from(target.value);
  return compare(context, item, body, sha256Hex(body), stat, body.length, isRacy(stat, readAt, context.limits.racyMs), view, note, null);
}

function whyLocal({ files }: TreeContext, path: string): string {
  const type = files.leadsTo(path);
  if (type === null) return 'is a link that leads nowhere, or around in this folder: stays local';
  return `is a link to a ${type} elsewhere, in a place where links are not followed: stays local. Put the ${type} itself here to have it carried`;
}

/** Reads only what was added, where the rest is known. `null`: it is not that simple. */
async function inspectGrowth(
  context: TreeContext,
  item: Item,
  path: string,
  view: View | undefined,
  note: StatNote,
): Promise<Inspection | null> {
  const prefix = context.memory.prefixes.get(item.name);
  if (!context.rules.appends(item.kind) || prefix === undefined || prefix.length !== note.length) return null;
  if (view?.shown?.size !== prefix.length || view.intended !== null) return null;
  const from = prefix.length - prefix.end.length;
  const read = await context.files.read(path, from);
  if (!read.ok || read.value.stat.ino !== prefix.ino || read.value.stat.size < prefix.length) return null;
  if (!equalBytes(read.value.bytes.subarray(0, prefix.end.length), prefix.end)) return null;
  const tail = wholeLines(context, item, read.value.stat, read.value.bytes.subarray(prefix.end.length));
  const sha256 = extendPrefix(context.memory, item.name, prefix, tail);
  const length = prefix.length + tail.length;
  return compare(context, item, tail, sha256, read.value.stat, length, true, view, note, prefix.length);
}

async function inspectBody(
  context: TreeContext,
  item: Item,
  bytes: Uint8Array,
  stat: FileStat,
  readAt: number,
  view: View | undefined,
  note: StatNote | null,
  options: InspectOptions,
): Promise<Inspection> {
  const racy = isRacy(stat, readAt, context.limits.racyMs);
  const known = await knownAttributes(context, item, bytes, view);
  if (!context.rules.appends(item.kind)) {
    const body = wholeLines(context, item, stat, bytes);
    if (isTornWhole(body, bytes)) return { type: 'clean', torn: true, settled: false };
    return compare(context, item, body, bytesToHex(bodySha256(body)), stat, body.length, racy, view, note, null, known);
  }
  if (!options.takeInterrupted && (await isInterrupted(context, item, bytes, view))) return { type: 'clean', torn: false, settled: false };
  const lines = wholeLines(context, item, stat, bytes);
  // The space may hold an unfinished line too: what is shown is not taken back.
  const isShown = note !== null && lines.length < note.length && bytes.length >= note.length && startsAs(bytes, note);
  const body = isShown ? bytes.subarray(0, note.length) : lines;
  if (isTornWhole(body, bytes)) return { type: 'clean', torn: true, settled: false };
  const mayHaveGrown = note !== null && view?.shown?.size === note.length && body.length > note.length;
  const grown = mayHaveGrown ? rememberGrown(context.memory, item.name, body, note, stat.ino) : null;
  if (grown !== null && note !== null)
    return compare(context, item, body.subarray(note.length), grown, stat, body.length, racy, view, note, note.length);
  const sha256 = rememberPrefix(context.memory, item.name, body, stat.ino);
  return compare(context, item, body, sha256, stat, body.length, racy, view, note, null, known);
}

/**
 * What only the space knows of a file's attributes, on a disk that keeps no modes: those of what was about to be put in
 * place, where a crash left it there.
 */
async function knownAttributes(context: TreeContext, item: Item, bytes: Uint8Array, view: View | undefined): Promise<Attributes> {
  const shown = view?.shown?.attributes ?? {};
  const intended = view?.intended?.content ?? null;
  if (context.files.keepsModes || intended === null || intended.size !== bytes.length) return shown;
  return (await beginsIntended(context, item, bytes, intended)) ? intended.attributes : shown;
}

/** `piece` is the whole body, or what follows the first `grownFrom` bytes. */
function compare(
  context: TreeContext,
  item: Item,
  piece: Uint8Array,
  sha256: string,
  stat: FileStat,
  length: number,
  unsettled: boolean,
  view: View | undefined,
  note: StatNote | null,
  grownFrom: number | null,
  known: Attributes = view?.shown?.attributes ?? {},
): Inspection {
  const shown = view?.shown ?? null;
  const attributes = attributesFrom(known, stat, context.files.keepsModes);
  const local = encodeNote({ stat, sha256, length, unsettled });
  const torn = stat.type === 'file' && length < stat.size;
  const sameAttributes = shown !== null && equalBytes(encodeCanonical(shown.attributes), encodeCanonical(attributes));
  if (sameAttributes && note !== null && note.sha256 === sha256 && note.length === length) {
    return local === view?.local
      ? { type: 'clean', torn, settled: false }
      : { type: 'found', found: { type: 'same', item, local }, stat, torn, settled: !unsettled && !torn };
  }
  const found: Found =
    grownFrom !== null && piece.length > 0
      ? { type: 'tail', item, attributes, baseSize: grownFrom, tail: piece, sha256: hexToBytes(sha256), local }
      : { type: 'body', item, attributes, body: piece, local };
  // Nothing was added, and an attribute changed: that takes the whole body.
  if (found.type === 'body' && found.body.length !== length) return { type: 'changing' };
  return { type: 'found', found, stat, torn, settled: !unsettled && !torn };
}

/** Up to the last newline, where the kind is made of lines and the last one may still be coming. */
function wholeLines(context: TreeContext, item: Item, stat: FileStat, bytes: Uint8Array): Uint8Array {
  if (!context.rules.wholeLines(item.kind) || isOldTear(context, item, stat)) return bytes;
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  return end === bytes.length ? bytes : bytes.subarray(0, end); // these very bytes: their hash is known
}

function isTornWhole(body: Uint8Array, bytes: Uint8Array): boolean {
  return body.length === 0 && bytes.length > 0;
}

function isOldTear(context: TreeContext, item: Item, stat: FileStat): boolean {
  if (!context.rules.wholeLines(item.kind)) return true;
  return Number(stat.mtimeNs / 1_000_000n) < context.clock.now() - context.limits.tornLineMs;
}

function startsAs(body: Uint8Array, note: StatNote): boolean {
  return createHash('sha256').update(body.subarray(0, note.length)).digest('hex') === note.sha256;
}

/** The file holds the beginning of what a crash kept us from writing: the next apply goes on, nothing is new. */
async function isInterrupted(context: TreeContext, item: Item, bytes: Uint8Array, view: View | undefined): Promise<boolean> {
  const intended = view?.intended?.content ?? null;
  const shown = view?.shown ?? null;
  if (intended === null || shown === null || bytes.length <= shown.size || bytes.length >= intended.size) return false;
  return beginsIntended(context, item, bytes, intended);
}

async function beginsIntended(context: TreeContext, item: Item, bytes: Uint8Array, intended: Content): Promise<boolean> {
  try {
    return equalBytes((await context.workspace.read(item, intended)).subarray(0, bytes.length), bytes);
  } catch (error) {
    if (error instanceof BodyUnavailable) return false;
    throw error;
  }
}
