/**
 * Many pieces of bytes in one buffer of their own, which can be handed over: one allocation rather than one for each, and the
 * system gets all of it back at once. Who holds one piece holds them all.
 */
export interface Slab {
  readonly bytes: Uint8Array;
  readonly lengths: readonly number[];
}

/** Copies the pieces. O(bytes). */
export function slabOf(pieces: readonly Uint8Array[]): Slab & { readonly bytes: Uint8Array<ArrayBuffer> } {
  const lengths = pieces.map(({ length }) => length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return { bytes, lengths };
}

/** The pieces again, not copied. */
export function piecesOf({ bytes, lengths }: Slab): Uint8Array[] {
  let offset = 0;
  return lengths.map((length) => bytes.subarray(offset, (offset += length)));
}
