import { BodyUnavailable, type Outstanding, type Workspace } from '../../core/replica/workspace.ts';
import type { Content } from '../../core/content.ts';
import type { PendingChange } from './pending-entry.ts';

/** Items whose change is shown, and how large each may be: more is for `satchel show`. */
const ITEMS = 100;
const BYTES = 256 * 1024;

/** What would change, as text where it is text. Reads at most a hundred bodies. */
export async function changedText(workspace: Workspace, items: readonly Outstanding[]): Promise<PendingChange[]> {
  const changes: PendingChange[] = [];
  for (const { item, content, shown } of items.slice(0, ITEMS)) {
    const [before, after] = [await textOf(workspace, item, shown), await textOf(workspace, item, content)];
    const isText = before !== undefined && after !== undefined;
    changes.push({
      item: item.name,
      before: before ?? null,
      after: after ?? null,
      unshown: isText ? null : 'no text, too large, or not here',
    });
  }
  return changes;
}

/** `undefined` where it cannot be shown, `null` where there is nothing. */
async function textOf(workspace: Workspace, item: Outstanding['item'], content: Content | null): Promise<string | null | undefined> {
  if (content === null) return null;
  if (content.size > BYTES) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await workspace.read(item, content));
    return text.includes('\0') ? undefined : text;
  } catch (error) {
    if (error instanceof BodyUnavailable || error instanceof TypeError) return undefined; // TypeError: not UTF-8
    throw error;
  }
}
