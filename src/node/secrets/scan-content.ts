import type { Content, Piece } from '../../core/content.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import type { FoundSecret } from '../../redaction/finding.ts';

/** How far a body was looked through, so that one that grew is not looked through again. */
export interface ScanState {
  /** Where each begins; `line: null`: that is not known any more. */
  readonly pieces: readonly { readonly key: string; readonly start: number; readonly line: number | null }[];
  readonly found: readonly (FoundSecret & { readonly at: number })[];
  /** False where it was ended before. */
  readonly isWhole: boolean;
}

/** The same in a few bytes, for the next process. */
export interface KeptScan {
  /** How many of the first pieces were looked through, and a hash of what they are. */
  readonly pieces: number;
  readonly hash: string;
  /** Where the last of them begins. */
  readonly start: number;
  readonly line: number;
  readonly found: ScanState['found'];
}

/** Bytes looked at together; more of them in one piece are looked at in parts. About 10 ms. */
export const SLICE = 128 * 1024;
/** What may stand on both sides of a cut. Longer secrets are found by their beginning. */
const OVERLAP = 8 * 1024;
const BINARY = /\0/;

/** Up to its last large piece, since the small ones behind it are made one by and by; `null`: there is none. */
export function keepScan({ pieces }: Content, state: ScanState): KeptScan | null {
  const count = pieces.slice(0, state.pieces.length).findLastIndex(({ length }) => length >= LIMITS.chunkMin) + 1;
  const last = state.pieces[count - 1];
  if (last === undefined || last.line === null) return null;
  const end = last.start + (pieces[count - 1]?.length ?? 0);
  const found = state.found.filter(({ at }) => at < end);
  return { pieces: count, hash: hashOf(pieces.slice(0, count)), start: last.start, line: last.line, found };
}

/** `undefined` where the body does not begin any more as it did. O(pieces). */
export function resumeScan({ pieces }: Content, kept: KeptScan): ScanState | undefined {
  const known = pieces.slice(0, kept.pieces);
  if (known.length < kept.pieces || hashOf(known) !== kept.hash) return undefined;
  let start = 0;
  const places = known.map((piece, index) => {
    const line = index === 0 ? 1 : index === kept.pieces - 1 ? kept.line : null;
    const place = { key: keyOf(piece), start, line };
    start += piece.length;
    return place;
  });
  return { pieces: places, found: kept.found, isWhole: false };
}

const keyOf = ({ object, offset, length }: Piece): string => `${object} ${offset} ${length}`;

function hashOf(pieces: readonly Piece[]): string {
  return sha256Hex('satchel/v1/scanned-pieces\0', pieces.map(keyOf).join('\n'));
}

/**
 * What looks like a secret in a body, slice by slice; `pause` is told how much was looked at, and ends it by false. `before` is
 * what an earlier scan of the same item ended with: pieces that are the same are not read again. Cost: O(what is new), and reading the piece before it.
 */
export async function scanContent(
  content: Content,
  read: (pieces: readonly Piece[]) => Promise<Uint8Array>,
  before: ScanState | undefined,
  pause: (bytes: number) => Promise<boolean>,
): Promise<ScanState> {
  const keys = content.pieces.map(keyOf);
  const differs = keys.findIndex((key, index) => before?.pieces[index]?.key !== key);
  const same = differs === -1 ? keys.length : differs;
  // Some way back, for what stands on both sides of the end of what is known.
  const known = content.pieces.slice(0, same).reduce((sum, { length }) => sum + length, 0);
  const mayBegin = (start: number, line: number | null, index: number): boolean =>
    index < same && line !== null && start <= known - OVERLAP;
  const from = Math.max(0, before?.pieces.findLastIndex(({ start, line }, index) => mayBegin(start, line, index)) ?? 0);
  const pieces = before?.pieces.slice(0, from) ?? [];
  let start = before?.pieces[from]?.start ?? 0;
  let line = before?.pieces[from]?.line ?? 1;
  const since = Math.max(start, known - OVERLAP);
  const found = before?.found.filter(({ at }) => at < since) ?? [];
  const counted = new Set(found.map(({ at }) => at));
  // The rules load in some 20 ms: not before there is a text to look at.
  const { scanText } = await import('../../redaction/scan-text.ts');
  let tail = '';
  for (const [index, piece] of content.pieces.slice(from).entries()) {
    pieces.push({ key: keys[from + index] ?? '', start, line });
    // Tokens are ASCII, and a byte a character keeps places and is quick.
    const text = Buffer.from(await read([piece])).toString('latin1');
    if (start === 0 && BINARY.test(text.slice(0, OVERLAP))) return { pieces, found: [], isWhole: true };
    const skipped = Math.min(text.length, Math.max(0, since - start));
    line += newlines(text.slice(0, skipped));
    for (let cut = skipped; cut < text.length; cut += SLICE) {
      const slice = text.slice(cut, cut + SLICE);
      const whole = tail + slice;
      const base = start + cut - tail.length;
      const firstLine = line - newlines(tail);
      for (const finding of scanText(whole)) {
        const at = base + finding.start;
        if (counted.has(at)) continue;
        counted.add(at);
        found.push({ what: finding.what, line: firstLine + newlines(whole.slice(0, finding.start)), at });
      }
      line += newlines(slice);
      tail = whole.slice(-OVERLAP);
      if (!(await pause(slice.length))) return { pieces: pieces.slice(0, -1), found: found.filter(({ at }) => at < start), isWhole: false };
    }
    start += piece.length;
  }
  return { pieces, found, isWhole: true };
}

function newlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
