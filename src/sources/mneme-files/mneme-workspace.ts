import { itemKey, type Item } from '../../core/item.ts';
import type { View } from '../../core/ports/store.ts';
import type { Found, Outstanding, Workspace } from '../../core/replica/workspace.ts';
import { projectId, type MnemeProject } from '../../kinds/mneme/names.ts';
import type { MnemeProjects } from './mneme-projects.ts';

/** Begins the reason of what waits for a place. */
const NO_PLACE = 'its project has no place here';
/** What the name of a folder may have where a client runs; protocols take longer ids. */
const NAME_BYTES = 255;

/**
 * A workspace on `~/.claude-mneme/projects`, in which a project's files stand under the id that clients on this machine make of its
 * folder, while the space names the project. `inner` has names `PROJECT/FILE`. What has no place here is *not here*, and comes
 * when a place appears. Bodies pass through.
 */
export function createMnemeWorkspace(inner: Workspace, projects: MnemeProjects): Workspace {
  /** Of items that are not here for want of a place; `null` before the views were asked. */
  let waiting: Map<string, Item> | null = null;

  const toLocal = async (item: Item): Promise<Item | null> => {
    const [project, rest] = cut(item.name);
    const id = projectId(project) === null ? null : await projects.toLocal(project as MnemeProject);
    // One segment of a path: another id is none of a folder's.
    const isFolder = id !== null && !/[/\\]/.test(id) && id !== '.' && id !== '..' && Buffer.byteLength(id) <= NAME_BYTES;
    return isFolder ? { kind: item.kind, name: id + rest } : null;
  };

  const nameInSpace = async (name: string): Promise<string | null> => {
    const [id, rest] = cut(name);
    const project = await projects.toSpace(id);
    return project.ok ? project.value + rest : null;
  };

  /** Of an item that was mapped before: a bug where it cannot be. */
  const toSpace = async <T extends { readonly item: Item }>(entries: readonly T[]): Promise<T[]> =>
    Promise.all(
      entries.map(async (entry) => {
        const name = await nameInSpace(entry.item.name);
        if (name === null) throw new Error(`no project of mneme: ${entry.item.name}`);
        return { ...entry, item: { kind: entry.item.kind, name } };
      }),
    );

  const localOr = async (item: Item): Promise<Item> => (await toLocal(item)) ?? item;

  /** What was not here for want of a place, and has one now, is outstanding again. */
  const release = async (): Promise<void> => {
    waiting ??= new Map(
      [...(await inner.views()).values()]
        .filter(({ notHere }) => notHere?.startsWith(NO_PLACE) === true)
        .map(({ item }) => [itemKey(item), item]),
    );
    const placed: Item[] = [];
    for (const item of waiting.values()) if ((await toLocal(item)) !== null) placed.push(item);
    if (placed.length === 0) return;
    await inner.applied(placed.map((item) => ({ item, content: null, local: null })));
    for (const item of placed) waiting.delete(itemKey(item));
  };

  return {
    writer: inner.writer,

    async views(under) {
      const names = under === undefined ? undefined : (await Promise.all(under.map(nameInSpace))).filter((name) => name !== null);
      const views = names?.length === 0 ? new Map<string, View>() : await inner.views(names);
      const local = new Map<string, View>();
      for (const view of views.values()) {
        const item = await toLocal(view.item);
        if (item !== null) local.set(itemKey(item), { ...view, item });
      }
      return local;
    },

    async capture(found, note) {
      const accepted: Found[] = [];
      const refused: { item: Item; reason: string }[] = [];
      for (const entry of found) {
        const [id, rest] = cut(entry.item.name);
        const project = await projects.bind(id);
        if (project.ok) accepted.push({ ...entry, item: { kind: entry.item.kind, name: project.value + rest } });
        else refused.push({ item: entry.item, reason: project.error });
      }
      const report = await inner.capture(accepted, note);
      const local = await Promise.all(report.refused.map(async (entry) => ({ ...entry, item: await localOr(entry.item) })));
      return { ...report, conflicts: await Promise.all(report.conflicts.map(localOr)), refused: [...refused, ...local] };
    },

    async outstanding() {
      await release();
      const here: Outstanding[] = [];
      const notHere: { item: Item; reason: string }[] = [];
      for (const entry of await inner.outstanding()) {
        const item = await toLocal(entry.item);
        if (item !== null) here.push({ ...entry, item });
        else notHere.push({ item: entry.item, reason: `${NO_PLACE}: ${cut(entry.item.name)[0]}` });
      }
      if (notHere.length > 0) await inner.notHere(notHere);
      for (const { item } of notHere) waiting?.set(itemKey(item), item);
      return here;
    },

    intend: async (items) => inner.intend(await toSpace(items)),
    applied: async (results) => inner.applied(await toSpace(results)),
    notHere: async (items) => inner.notHere(await toSpace(items)),
    read: async (item, content, offset) => {
      const [mapped] = await toSpace([{ item }]);
      return inner.read(mapped?.item ?? item, content, offset);
    },
    prefetch: (contents) => inner.prefetch(contents),
    expect: (body) => inner.expect?.(body) ?? Promise.resolve(),
  };
}

/** The first segment, and what stands behind it. */
function cut(name: string): [first: string, rest: string] {
  const slash = name.indexOf('/');
  return slash === -1 ? [name, ''] : [name.slice(0, slash), name.slice(slash)];
}
