import type { Change } from '../change.ts';
import type { Content, Piece } from '../content.ts';
import { withBase } from '../log/commit-codec.ts';
import type { Commit } from '../log/commit.ts';
import type { Bodies } from './bodies.ts';

/**
 * A draft with its new bodies under the epoch `keyId`. After a revocation the log takes no new body under an older
 * key. Digests, and so revisions, stay what they are. The same draft where nothing had to change.
 * Cost: O(bytes of bodies re-encrypted).
 */
export async function reseal(draft: Commit, bodies: Bodies, keyId: number): Promise<Commit> {
  const isCurrent = (pieces: readonly Piece[]): boolean => areCurrent(pieces, bodies, keyId);
  const fresh = async (content: Content): Promise<Content> => {
    if (isCurrent(content.pieces)) return content;
    const [pieces] = await bodies.store([await bodies.read(content)], draft.id, keyId);
    return { ...content, pieces: pieces ?? [] };
  };
  const change = async (c: Change): Promise<Change> => {
    switch (c.type) {
      case 'put': {
        const [content, ...history] = await Promise.all([c.content, ...c.history].map(fresh));
        return { ...c, content: content as Content, history };
      }
      case 'keep': {
        const history = await Promise.all(c.history.map(fresh));
        return { ...c, content: c.content === null ? null : await fresh(c.content), history };
      }
      case 'append': {
        if (isCurrent(c.tail)) return c;
        const [tail] = await bodies.store([await bodies.read(c.content, c.baseSize)], draft.id, keyId);
        const base = { ...c.content, pieces: c.content.pieces.slice(0, c.content.pieces.length - c.tail.length) };
        const resealed = { ...c, tail: tail ?? [] };
        return { ...resealed, content: withBase({ ...resealed, content: { ...c.content, pieces: [] } }, base) };
      }
      case 'delete':
      case 'resolve':
        return c;
    }
  };
  if (isSealedFor(draft, bodies, keyId)) return draft;
  return { ...draft, changes: await Promise.all(draft.changes.map(change)) };
}

/** Whether a draft's new bodies are all under the epoch `keyId`. Cost: O(pieces). */
export function isSealedFor(draft: Commit, bodies: Bodies, keyId: number): boolean {
  return draft.changes.every((change) => areCurrent(newPieces(change), bodies, keyId));
}

/** Objects of the current epoch are named by the record's header: one that was pruned meanwhile is sent again with it. */
function areCurrent(pieces: readonly Piece[], bodies: Bodies, keyId: number): boolean {
  return pieces.every((piece) => piece.keyId === keyId && !bodies.isReplaced(piece.object));
}

function newPieces(change: Change): readonly Piece[] {
  switch (change.type) {
    case 'put':
      return [change.content, ...change.history].flatMap((c) => c.pieces);
    case 'keep':
      return [...(change.content === null ? [] : [change.content]), ...change.history].flatMap((c) => c.pieces);
    case 'append':
      return change.tail;
    case 'delete':
    case 'resolve':
      return [];
  }
}
