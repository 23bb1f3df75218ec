import { encodeCanonical } from '../../core/canonical.ts';
import type { Content, Piece } from '../../core/content.ts';
import { equalBytes } from '../../core/crypto/hash.ts';
import { BodyUnavailable, type Outstanding } from '../../core/replica/workspace.ts';
import type { TreeContext } from './context.ts';
import { diskPath } from './tree-memory.ts';

/** So much of the file is compared, where it lies in other pieces now: small ones at the end are made one by and by. */
const COMPARED_BYTES = 4 * 1024 * 1024;

/**
 * What is to come is what was shown, and more behind it, as its pieces tell, or the end of the file: it is extended, and nothing that
 * stands in it is written over. O(pieces), and reading the file's end where that lies in other pieces now.
 */
export async function growsInPlace(
  { rules, workspace, files, memory }: Pick<TreeContext, 'rules' | 'workspace' | 'files' | 'memory'>,
  { item, content, shown }: Outstanding,
): Promise<boolean> {
  if (!rules.appends(item.kind) || content === null || shown === null) return false;
  if (content.size <= shown.size || !sameAttributes(shown, content)) return false;
  const same = bytesInSamePieces(content.pieces, shown.pieces);
  if (same === shown.size) return true;
  if (shown.size - same > COMPARED_BYTES) return false;
  try {
    const end = await files.read(diskPath(memory, item.name), same);
    if (!end.ok || end.value.stat.size !== shown.size || end.value.bytes.length !== shown.size - same) return false;
    return equalBytes((await workspace.read(item, content, same)).subarray(0, end.value.bytes.length), end.value.bytes);
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
