import { equalBytes } from '../../core/crypto/hash.ts';
import { itemKey } from '../../core/item.ts';
import { BodyUnavailable, type Found, type Workspace } from '../../core/replica/workspace.ts';
import { transcriptKind } from '../../kinds/jsonl/transcript.ts';

/** Above so many, one look at all views is cheaper. */
const MANY = 100;

/**
 * A transcript that lost its end, and is otherwise as it was shown, is no wish: what was shown of it is forgotten, so that
 * the longer one stays, and is put in place again. Cost: a look-up a whole transcript; a read where one is shorter.
 */
export async function keepLonger(workspace: Workspace, found: readonly Found[]): Promise<void> {
  const bodies = found.flatMap((entry) => (entry.type === 'body' && entry.item.kind === transcriptKind.id ? [entry] : []));
  if (bodies.length === 0) return;
  const views = await workspace.views(bodies.length > MANY ? ['projects'] : bodies.map(({ item }) => item.name));
  for (const { item, body } of bodies) {
    const shown = views.get(itemKey(item))?.shown ?? null;
    if (shown === null || shown.size <= body.length) continue;
    try {
      const longer = await workspace.read(item, shown);
      if (equalBytes(longer.subarray(0, body.length), body)) await workspace.applied([{ item, content: null, local: null }]);
    } catch (error) {
      if (!(error instanceof BodyUnavailable)) throw error; // then it is an edit: the longer one stays in the history
    }
  }
}
