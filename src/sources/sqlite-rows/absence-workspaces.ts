import { itemKey, type Item } from '../../core/item.ts';
import type { CaptureReport, Found, Workspace } from '../../core/replica/workspace.ts';
import type { RowPast } from './row-past.ts';

const NOTHING: CaptureReport = { commits: 0, changes: 0, bytes: 0, conflicts: [], noted: 0, refused: [] };

/** Lets through that rows are gone only where that may be told by now, which is asked each time. Their views stay, for whoever tells it later. */
export function holdingAbsences(workspace: Workspace, mayTell: () => Promise<boolean>): Workspace {
  return {
    ...workspace,
    async capture(found, note) {
      const isHeld = found.some(isAbsent) && !(await mayTell());
      return captureSome(workspace, isHeld ? found.filter((entry) => !isAbsent(entry)) : found, note);
    },
  };
}

/** Lets nothing through of what is gone: what is not in a copy stays. */
export function withoutAbsences(workspace: Workspace): Workspace {
  return {
    ...workspace,
    capture: (found, note) =>
      captureSome(
        workspace,
        found.filter((entry) => !isAbsent(entry)),
        note,
      ),
  };
}

/** The same, and nothing of what is shown already: of that a copy of another state would only tell what it was. */
export function onlyUnknown(workspace: Workspace): Workspace {
  return {
    ...workspace,
    async capture(found, note) {
      const views = await workspace.views(found.map(({ item }) => item.name));
      const isKnown = ({ item }: Found): boolean => (views.get(itemKey(item))?.shown ?? null) !== null;
      return captureSome(
        workspace,
        found.filter((entry) => entry.type === 'same' || (!isAbsent(entry) && !isKnown(entry))),
        note,
      );
    },
  };
}

/**
 * Nothing of what is gone, nor of what a row said once before, and of rows that others changed since nothing: what is left of a copy that may stand
 * behind what is known was written into it by somebody. O(versions of each row that differs).
 */
export function onlyNeverSaid(workspace: Workspace, past: Pick<RowPast, 'wentOnAt'>): Workspace {
  return {
    ...workspace,
    async capture(found, note) {
      const views = await workspace.views(found.map(({ item }) => item.name));
      const changed = new Set((await workspace.outstanding()).map(({ item }) => itemKey(item)));
      const left: Found[] = [];
      for (const entry of found) {
        if (entry.type === 'same') left.push(entry);
        if (entry.type !== 'body') continue;
        const { item, body: bytes, attributes } = entry;
        const shown = views.get(itemKey(item))?.shown ?? null;
        if (shown !== null && changed.has(itemKey(item))) continue;
        if ((await past.wentOnAt(item, { bytes, attributes }, shown)) === null) left.push(entry);
      }
      return captureSome(workspace, left, note);
    },
  };
}

/** Nothing that another way carries: of what was never shown by this one, whatever words it is told by, that knows which item it is. */
export function withoutOthers(workspace: Workspace, isOthers: (item: Item, rowid: number) => boolean): Workspace {
  return {
    ...workspace,
    async capture(found, note) {
      const views = await workspace.views(found.map(({ item }) => item.name));
      const isTheirs = (entry: Found): boolean => {
        const rowid = entry.type === 'body' ? /^(\d{1,16}) /.exec(entry.local ?? '')?.[1] : undefined;
        return rowid !== undefined && (views.get(itemKey(entry.item))?.shown ?? null) === null && isOthers(entry.item, Number(rowid));
      };
      return captureSome(
        workspace,
        found.filter((entry) => !isTheirs(entry)),
        note,
      );
    },
  };
}

/** While that `holds`, nothing is outstanding that was never shown: rows that are not there yet come by another way. */
export function onlyShown(workspace: Workspace, holds: () => boolean): Workspace {
  return {
    ...workspace,
    async outstanding() {
      const all = await workspace.outstanding();
      return holds() ? all.filter(({ shown }) => shown !== null) : all;
    },
  };
}

const isAbsent = ({ type }: Found): boolean => type === 'absent';

function captureSome(workspace: Workspace, found: readonly Found[], note: Parameters<Workspace['capture']>[1]): Promise<CaptureReport> {
  return found.length === 0 ? Promise.resolve(NOTHING) : workspace.capture(found, note);
}
