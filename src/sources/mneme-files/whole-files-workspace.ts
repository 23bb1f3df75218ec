import { sha256Hex } from '../../core/crypto/hash.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { CaptureReport, Found, Workspace } from '../../core/replica/workspace.ts';
import { entriesOf } from '../../kinds/mneme/entries.ts';
import { fileProblem } from '../../kinds/mneme/file-problem.ts';

/** A file that stayed unreadable for so long is not being written: its writer was interrupted. Milliseconds. */
const INTERRUPTED_MS = 5_000;

type FoundBody = Extract<Found, { readonly type: 'body' }>;

/**
 * Holds back files that the client cannot read: it writes in place. One that is being written is looked at again. One that stays so
 * becomes a conflict, which keeps it, and what the space holds is put in its place; where the space holds nothing, it stays, and is
 * listed. The client takes such a file for an empty one: what it writes next, and that has nothing of what was there, is no wish to
 * delete that.
 */
export function createWholeFilesWorkspace(inner: Workspace, clock: Clock): Workspace {
  const broken = new Map<string, { readonly sha256: string; readonly at: number }>();

  /** Whether this very content was there some time ago. */
  const stays = ({ item, body }: FoundBody): boolean => {
    const [sha256, before] = [sha256Hex(body), broken.get(item.name)];
    if (before?.sha256 === sha256) return Math.abs(clock.now() - before.at) >= INTERRUPTED_MS;
    broken.set(item.name, { sha256, at: clock.now() });
    return false;
  };

  const forgetShown = (items: readonly Item[]): Promise<void> => inner.applied(items.map((item) => ({ item, content: null, local: null })));

  const beginsAnew = async ({ item, body }: FoundBody): Promise<boolean> => {
    const shown = (await inner.views([item.name])).get(itemKey(item))?.shown ?? null;
    if (shown === null) return false;
    const before = entriesOf(fileOf(item), await inner.read(item, shown));
    return before.size > 0 && [...entriesOf(fileOf(item), body)].every((entry) => !before.has(entry));
  };

  return {
    ...inner,
    async capture(found, note): Promise<CaptureReport> {
      const accepted: Found[] = [];
      const refused: { item: Item; reason: string; again?: true; unfit?: true }[] = [];
      const interrupted: { readonly entry: FoundBody; readonly reason: string }[] = [];
      for (const entry of found) {
        const reason = entry.type === 'body' ? fileProblem(fileOf(entry.item), entry.body) : null;
        if (reason === null || entry.type !== 'body') {
          if (entry.type === 'body' && broken.delete(entry.item.name) && (await beginsAnew(entry))) await forgetShown([entry.item]);
          accepted.push(entry);
        } else if (stays(entry)) interrupted.push({ entry, reason });
        else refused.push({ item: entry.item, reason, again: true });
      }
      if (interrupted.length > 0) {
        await forgetShown(interrupted.map(({ entry }) => entry.item));
        const held = new Set((await inner.outstanding()).filter(({ content }) => content !== null).map(({ item }) => item.name));
        for (const { entry, reason } of interrupted) {
          if (held.has(entry.item.name)) accepted.push(entry);
          else refused.push({ item: entry.item, reason, ...(entry.body.length === 0 ? {} : { unfit: true }) }); // what is empty lacks nothing
        }
      }
      const report = await inner.capture(accepted, note);
      return { ...report, refused: [...refused, ...report.refused] };
    },
  };
}

function fileOf({ name }: Item): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
