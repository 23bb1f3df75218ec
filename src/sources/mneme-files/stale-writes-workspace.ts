import type { Content } from '../../core/content.ts';
import { itemKey } from '../../core/item.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { BodyUnavailable, type Found, type Workspace } from '../../core/replica/workspace.ts';
import { entriesOf } from '../../kinds/mneme/entries.ts';

/** How long the client works on what it read before it writes the file again. To summarise it asks a model. Milliseconds. */
const WORKS_MS: ReadonlyMap<string, number> = new Map([
  ['summary.json', 10 * 60_000],
  ['log.jsonl', 10 * 60_000],
  ['remembered.json', 2_000],
]);

interface Replaced {
  readonly before: Content;
  readonly after: Content;
  readonly at: number;
}

/**
 * The client reads a file, works, and writes all of it again. What was put in place meanwhile it never saw, and is not to be deleted by
 * that: a file in which nothing is of what was just brought is taken as made from what stood there before.
 */
export function createStaleWritesWorkspace(inner: Workspace, clock: Clock): Workspace {
  const replaced = new Map<string, Replaced>();

  const isStale = async (entry: Extract<Found, { readonly type: 'body' }>, { before, after, at }: Replaced): Promise<boolean> => {
    const file = entry.item.name.slice(entry.item.name.lastIndexOf('/') + 1);
    const works = WORKS_MS.get(file);
    if (works === undefined || Math.abs(clock.now() - at) > works) return false;
    try {
      const [old, brought] = [entriesOf(file, await inner.read(entry.item, before)), entriesOf(file, await inner.read(entry.item, after))];
      const news = [...brought].filter((each) => !old.has(each));
      const ours = entriesOf(file, entry.body);
      // Who remembers something adds it to what stood there, and who forgets something takes it away. Where all that is missing are
      // the news, and what went with them, the news were forgotten.
      if (
        file === 'remembered.json' &&
        [...ours].every((each) => old.has(each)) &&
        [...old].every((each) => ours.has(each) || !brought.has(each))
      )
        return false;
      // Lines are taken away at the front: who has the end of what is there took away the news with the rest.
      if (file === 'log.jsonl' && isEndOf([...brought], ours)) return false;
      return news.length > 0 && news.every((each) => !ours.has(each));
    } catch (error) {
      if (error instanceof BodyUnavailable) return false;
      throw error;
    }
  };

  return {
    ...inner,
    async capture(found, note) {
      for (const entry of found) {
        const last = replaced.get(itemKey(entry.item));
        if (last === undefined || entry.type === 'same') continue;
        const stale = entry.type === 'body' && (await isStale(entry, last));
        if (stale) await inner.applied([{ item: entry.item, content: last.before, local: null }]);
        replaced.delete(itemKey(entry.item));
      }
      return inner.capture(found, note);
    },
    async intend(items) {
      await inner.intend(items);
      for (const { item, content, shown } of items) {
        if (content !== null && shown !== null) replaced.set(itemKey(item), { before: shown, after: content, at: clock.now() });
        else replaced.delete(itemKey(item));
      }
    },
  };
}

/** Whether what `ours` has of these lines are their last ones. */
function isEndOf(lines: readonly string[], ours: ReadonlySet<string>): boolean {
  const first = lines.findIndex((line) => ours.has(line));
  return first === -1 || lines.slice(first).every((line) => ours.has(line));
}
