import type { Content } from '../content.ts';
import type { CommitId, ContentDigest } from '../ids.ts';
import type { View } from '../ports/store.ts';
import type { Bodies } from './bodies.ts';
import type { Reland } from './reland.ts';
import type { Replica } from './replica.ts';
import { BodyUnavailable } from './workspace.ts';

/**
 * The views that name bodies which a fall of the log makes unreadable, with the same bodies readable: what lies under
 * epochs above `keyId`, whose keys fall, and what was read from what an erase record put in its place. They are what
 * the next edits are merged from. Bodies that the relands hold are not sealed twice; what cannot be read now stays as
 * it is, and an edit of it is kept beside what stands. `behind`: what a view shows instead, first of all. By writer; `sealed`: those
 * bodies, and what the relands hold. Cost: O(views + bytes sealed).
 */
export async function resealViews(
  replica: Replica,
  relands: readonly Reland[],
  keyId: number,
  behind: (view: View) => View,
): Promise<{ readonly views: Map<string, View[]>; readonly sealed: Map<ContentDigest, Content> }> {
  const { deps, space, bodies } = replica;
  const commit = replica.newCommitId();
  const staysReadable = (content: Content): boolean =>
    content.pieces.every((piece) => piece.keyId <= keyId && !bodies.isReplaced(piece.object));
  const sealed = new Map<ContentDigest, Content | null>();
  for (const content of relands.flatMap(contentsOf)) if (staysReadable(content)) sealed.set(content.digest, content);

  const fresh = async (content: Content): Promise<Content> => {
    if (staysReadable(content)) return content;
    if (!sealed.has(content.digest)) sealed.set(content.digest, await sealAgain(content, bodies, commit, keyId));
    const again = sealed.get(content.digest) ?? null;
    return again === null ? content : { ...content, pieces: again.pieces };
  };
  const changed = new Map<string, View[]>();
  const writers = await deps.store.read((tx) => tx.views.writers(space));
  for (const writer of writers) {
    const views: View[] = [];
    for (const stored of await deps.store.read((tx) => tx.views.list(space, writer))) {
      const view = behind(stored);
      const shown = view.shown === null ? null : await fresh(view.shown);
      const intended = view.intended?.content == null ? view.intended : { content: await fresh(view.intended.content) };
      if (view !== stored || shown !== view.shown || intended?.content !== view.intended?.content) views.push({ ...view, shown, intended });
    }
    if (views.length > 0) changed.set(writer, views);
  }
  return { views: changed, sealed: new Map([...sealed].flatMap(([digest, content]) => (content === null ? [] : [[digest, content]]))) };
}

async function sealAgain(content: Content, bodies: Bodies, commit: CommitId, keyId: number): Promise<Content | null> {
  try {
    const [pieces] = await bodies.store([await bodies.read(content)], commit, keyId);
    return { ...content, pieces: pieces ?? [] };
  } catch (error) {
    if (error instanceof BodyUnavailable) return null;
    throw error;
  }
}

function contentsOf({ commit }: Reland): Content[] {
  return commit.changes.flatMap((change) =>
    (change.type === 'put' || change.type === 'keep') && change.content !== null ? [change.content] : [],
  );
}
