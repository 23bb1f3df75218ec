import { encodeCanonical } from '../../core/canonical.ts';
import type { Content, Piece } from '../../core/content.ts';
import { equalBytes } from '../../core/crypto/hash.ts';
import type { Outstanding } from '../../core/replica/workspace.ts';
import type { TreeContext } from './context.ts';

/**
 * What is to come is what was shown, and more behind it, as its pieces tell: the file is extended, and nothing that stands
 * in it is written over. O(pieces).
 */
export function growsInPlace(context: TreeContext, { item, content, shown }: Outstanding): boolean {
  if (!context.rules.appends(item.kind) || content === null || shown === null) return false;
  return content.size > shown.size && sameAttributes(shown, content) && beginsWithPieces(content.pieces, shown.pieces);
}

export function sameAttributes(a: Content, b: Content): boolean {
  return equalBytes(encodeCanonical(a.attributes), encodeCanonical(b.attributes));
}

function beginsWithPieces(pieces: readonly Piece[], start: readonly Piece[]): boolean {
  return start.every((piece, index) => {
    const other = pieces[index];
    return other !== undefined && other.object === piece.object && other.offset === piece.offset && other.length === piece.length;
  });
}
