import { encodeCanonical } from '../../core/canonical.ts';
import type { Content, Piece } from '../../core/content.ts';
import { equalBytes } from '../../core/crypto/hash.ts';
import { BodyUnavailable, type Outstanding } from '../../core/replica/workspace.ts';
import type { TreeContext } from './context.ts';

/** So much of what was shown is compared, where it lies in other pieces now: small ones at the end are made one by and by. */
const COMPARED_BYTES = 4 * 1024 * 1024;

/**
 * What is to come is what was shown, and more behind it, as its pieces tell: the file is extended, and nothing that stands
 * in it is written over. O(pieces), and reading the end of both where it lies in other pieces.
 */
export async function growsInPlace(
  { rules, workspace }: Pick<TreeContext, 'rules' | 'workspace'>,
  { item, content, shown }: Outstanding,
): Promise<boolean> {
  if (!rules.appends(item.kind) || content === null || shown === null) return false;
  if (content.size <= shown.size || !sameAttributes(shown, content)) return false;
  const same = bytesInSamePieces(content.pieces, shown.pieces);
  if (same === shown.size) return true;
  if (shown.size - same > COMPARED_BYTES) return false;
  try {
    const before = await workspace.read(item, shown, same);
    return equalBytes((await workspace.read(item, content, same)).subarray(0, before.length), before);
  } catch (error) {
    if (error instanceof BodyUnavailable) return false; // whoever needs it is told why it cannot be had
    throw error;
  }
}

export function sameAttributes(a: Content, b: Content): boolean {
  return equalBytes(encodeCanonical(a.attributes), encodeCanonical(b.attributes));
}

/** From the beginning on. */
function bytesInSamePieces(pieces: readonly Piece[], others: readonly Piece[]): number {
  let bytes = 0;
  for (const [index, piece] of pieces.entries()) {
    const other = others[index];
    const isSame = other !== undefined && other.object === piece.object && other.offset === piece.offset && other.length === piece.length;
    if (!isSame) break;
    bytes += piece.length;
  }
  return bytes;
}
