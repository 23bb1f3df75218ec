import type { Content, Piece } from '../../core/content.ts';
import type { Bodies } from '../../core/replica/bodies.ts';

/** A body from byte `from` on, in parts of about `size` bytes; not checked against its digest. Throws BodyUnavailable. */
export async function* readParts(bodies: Bodies, content: Content, from: number, size: number): AsyncGenerator<Uint8Array> {
  let [pieces, bytes, position]: [Piece[], number, number] = [[], 0, 0];
  let skip = 0;
  for (const [index, piece] of content.pieces.entries()) {
    const start = position;
    position += piece.length;
    if (position > from) {
      if (pieces.length === 0) skip = Math.max(0, from - start);
      pieces.push(piece);
      bytes += piece.length;
    }
    if (pieces.length === 0 || (bytes < size && index < content.pieces.length - 1)) continue;
    yield (await bodies.readStart({ ...content, pieces }, Infinity)).subarray(skip);
    [pieces, bytes] = [[], 0];
  }
}

/** `length` bytes of a body from `start` on, fewer where it ends. Throws BodyUnavailable. Cost: O(the pieces that they lie in). */
export async function readRange(bodies: Bodies, content: Content, start: number, length: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let left = length;
  for await (const part of readParts(bodies, content, start, length)) {
    parts.push(part.subarray(0, left));
    left -= part.length;
    if (left <= 0) break;
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}
