import type { Content } from '../../core/content.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { View } from '../../core/ports/store.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import type { CaptureReport, Found, Outstanding, Workspace } from '../../core/replica/workspace.ts';
import { transcriptKind } from '../../kinds/jsonl/transcript.ts';
import { findCwd } from '../../kinds/claude-home/session-records.ts';
import { parseProjectName, sessionOf } from '../../kinds/claude-home/session-name.ts';
import { findForks, forgetShown } from './exchange-forks.ts';
import { keepLonger } from './keep-longer.ts';
import { reviveGoneOn } from './revive-gone-on.ts';
import { NO_PLACE, type ProjectPlaces } from './project-places.ts';

export interface ProjectsDeps {
  /** Called once, with the first use. */
  readonly places: () => Promise<ProjectPlaces>;
  /** A capture gave a project a place: what waited for it is outstanding now. */
  readonly onPlaced?: (() => void) | undefined;
  /** What is outstanding before any form is shown and consent asked, which transcripts need neither of: cheaper. */
  readonly outstanding?: () => Promise<readonly Outstanding[]>;
  /** Transcripts that others went on with since the last call, except those that are here, and what they hold now. */
  readonly goneOn?: (isHere: (item: Item) => boolean) => Promise<readonly { readonly item: Item; readonly content: Content }[]>;
}

/**
 * A workspace on a Claude home in which the sessions and memory of a project stand under the folder name that this
 * machine's path gives, while the space names the project. What has no place here is *not here*, with the reason, and
 * comes when a place appears. Bodies pass through untouched.
 */
export function createProjectsWorkspace(inner: Workspace, deps: ProjectsDeps): Workspace {
  let opening: Promise<ProjectsView> | null = null;
  const view = (): Promise<ProjectsView> => (opening ??= deps.places().then((places) => viewProjects(inner, places, deps)));
  return {
    writer: inner.writer,
    views: async (under) => (await view()).views(under),
    capture: async (found, note) => (await view()).capture(found, note),
    outstanding: async () => (await view()).outstanding(),
    intend: async (items) => (await view()).intend(items),
    applied: async (results) => (await view()).applied(results),
    notHere: async (items) => (await view()).notHere(items),
    read: async (item, content, offset) => (await view()).read(item, content, offset),
    prefetch: (contents) => inner.prefetch(contents),
    expect: (body) => inner.expect?.(body) ?? Promise.resolve(),
  };
}

type ProjectsView = Omit<Workspace, 'writer' | 'prefetch'>;

function viewProjects(inner: Workspace, places: ProjectPlaces, deps: ProjectsDeps): ProjectsView {
  /** Of an item that was mapped before: a bug where it cannot be. */
  const spaceItem = (item: Item): Item => {
    const name = places.toSpace(item.name);
    if (!name.ok) throw new Error(`${item.name}: ${name.error}`);
    return { kind: item.kind, name: name.value };
  };
  const localItem = (item: Item): Item => {
    const name = places.toLocal(item.name);
    return name.ok ? { kind: item.kind, name: name.value } : item;
  };
  const toSpace = <T extends { readonly item: Item }>(entries: readonly T[]): T[] =>
    entries.map((entry) => ({ ...entry, item: spaceItem(entry.item) }));

  /** What was not here for want of a place is outstanding again. */
  const release = async (projects: readonly string[] | null): Promise<boolean> => {
    const views = await inner.views(projects?.map((project) => `projects/${project}`) ?? ['projects']);
    const waiting = [...views.values()].filter((view) => view.notHere?.startsWith(NO_PLACE) === true && places.toLocal(view.item.name).ok);
    if (waiting.length > 0) await inner.applied(waiting.map(({ item }) => ({ item, content: null, local: null })));
    return waiting.length > 0;
  };

  const turns = new Mutex();
  /** Portions that are captured now, under the names that they were given. */
  let underway = 0;

  /** Sessions whose names mean something else than when the views were read: what was found of them is found again. */
  const exchanged = new Set<string>();

  /**
   * A session that went on here and elsewhere keeps its file here: on this machine ours has the id, and theirs comes under
   * the fork's. So nothing is ever taken from under a running Claude Code. Not while a portion is captured, whose names mean what they
   * meant before: then after it.
   */
  const settleForks = (): Promise<void> => turns.run(async () => (underway === 0 ? exchangeForks() : undefined));

  const exchangeForks = async (): Promise<void> => {
    const outstanding = await (deps.outstanding ?? inner.outstanding.bind(inner))();
    for (const fork of findForks(outstanding)) {
      // In this order: after a crash in between, the files are found anew, and none counts as gone.
      await forgetShown(inner, fork);
      await places.exchange(fork);
      for (const id of [fork.session, fork.fork]) exchanged.add(places.localSession(id));
    }
  };

  /** Sessions that were found here when last looked at, by `itemKey` of their names in the space: none of them is to come back. */
  const foundHere = new Set<string>();
  const noteFound = (found: readonly Found[]): void => {
    for (const { type, item } of found) {
      if (type === 'absent') foundHere.delete(itemKey(item));
      else if (item.kind === transcriptKind.id) foundHere.add(itemKey(item));
    }
  };

  let released = false;
  /** Whether there is more to put in place now: of its own, or in files that name projects. */
  const findPlaces = async (): Promise<boolean> => {
    const found = await places.findPlaces();
    if (released && found.length === 0) return false;
    const all = !released; // the last process may have died before it released what it had found
    released = true;
    return (await release(all ? null : found)) || found.length > 0;
  };

  /** The names in the space of what was found, as long as it is under way. */
  const named = async (
    all: readonly Found[],
  ): Promise<{ readonly accepted: Found[]; readonly refused: { item: Item; reason: string }[] }> => {
    const refused: { item: Item; reason: string }[] = [];
    const found = all.filter(({ item }) => !exchanged.has(sessionOf(item.name) ?? ''));
    await bindFolders(places, found);
    const strangers = elsewhere(places, found);
    const views = strangers.length === 0 ? new Map<string, View>() : await inner.views(strangers);
    const accepted: Found[] = [];
    for (const entry of found) {
      const name = places.toSpace(entry.item.name);
      if (!name.ok) {
        refused.push({ item: entry.item, reason: name.error });
        continue;
      }
      const item = { kind: entry.item.kind, name: name.value };
      const folder = parseProjectName(entry.item.name)?.folder;
      const usual = places.toLocal(name.value);
      if (folder !== undefined && (!usual.ok || usual.value !== entry.item.name)) {
        if ((views.get(itemKey(item))?.shown ?? null) !== null) {
          refused.push({ item: entry.item, reason: `is already at ${usual.ok ? usual.value : 'another place'}` });
          continue;
        }
        await places.keep(name.value, folder);
      }
      accepted.push({ ...entry, item });
    }
    return { accepted, refused };
  };

  return {
    async views(under) {
      exchanged.clear();
      const names = under?.flatMap((name) => places.spaceNamesUnder(name));
      const views = await (under !== undefined && names?.length === 0 ? Promise.resolve(new Map<string, View>()) : inner.views(names));
      const local = new Map<string, View>();
      for (const view of views.values()) {
        const name = places.toLocal(view.item.name);
        if (!name.ok) continue; // without a place nothing of it can be here
        const item = { kind: view.item.kind, name: name.value };
        local.set(itemKey(item), { ...view, item });
      }
      return local;
    },

    async capture(all, note) {
      if (all.some(({ item }) => item.kind === transcriptKind.id)) await settleForks();
      await turns.run(async () => void (underway += 1));
      let accepted: Found[];
      let refused: { item: Item; reason: string }[];
      let report: CaptureReport;
      try {
        ({ accepted, refused } = await named(all));
        await keepLonger(inner, accepted);
        report = await inner.capture(accepted, note);
        noteFound(accepted);
      } finally {
        underway -= 1;
      }
      if (accepted.some(({ item }) => item.kind === transcriptKind.id)) await settleForks();
      // A folder that was used for the first time may be the place of what waits.
      if (await findPlaces()) deps.onPlaced?.();
      return {
        ...report,
        conflicts: report.conflicts.map(localItem),
        refused: [...refused, ...report.refused.map((entry) => ({ ...entry, item: localItem(entry.item) }))],
      };
    },

    async outstanding() {
      await findPlaces();
      await reviveGoneOn(inner, (await deps.goneOn?.((item) => foundHere.has(itemKey(item)))) ?? []);
      const here: Outstanding[] = [];
      const notHere: { item: Item; reason: string }[] = [];
      await settleForks();
      for (const entry of await inner.outstanding()) {
        const name = places.toLocal(entry.item.name);
        if (!name.ok) {
          notHere.push({ item: entry.item, reason: name.error });
          continue;
        }
        const folder = parseProjectName(name.value)?.folder;
        if (folder !== undefined) await places.keep(entry.item.name, folder);
        here.push({ ...entry, item: { kind: entry.item.kind, name: name.value } });
      }
      for (const { item } of notHere) foundHere.delete(itemKey(item));
      if (notHere.length > 0) await inner.notHere(notHere);
      return here;
    },

    intend: (items) => inner.intend(toSpace(items)),
    applied: (results) => inner.applied(toSpace(results)),
    notHere(items) {
      const named = toSpace(items);
      for (const { item } of named) foundHere.delete(itemKey(item));
      return inner.notHere(named);
    },
    read: (item, content, offset) => inner.read(spaceItem(item), content, offset),
  };
}

/** Finds the project of folders that were not seen before, by what their transcripts say. */
async function bindFolders(places: ProjectPlaces, found: readonly Found[]): Promise<void> {
  const transcripts = new Map<string, Uint8Array[]>();
  for (const entry of found) {
    const folder = parseProjectName(entry.item.name)?.folder;
    if (folder === undefined) continue;
    const bodies = transcripts.get(folder) ?? [];
    transcripts.set(folder, bodies);
    if (entry.type === 'body' && entry.item.name.endsWith('.jsonl')) bodies.push(entry.body);
  }
  for (const [folder, bodies] of transcripts) await places.bind(folder, () => firstCwd(bodies, folder));
}

function firstCwd(bodies: readonly Uint8Array[], folder: string): string | null {
  for (const body of bodies) {
    const cwd = findCwd(body, folder);
    if (cwd !== null) return cwd;
  }
  return null;
}

/** Names in the space of what was found elsewhere than it would be put by default. */
function elsewhere(places: ProjectPlaces, found: readonly Found[]): string[] {
  return found.flatMap(({ item }) => {
    const name = places.toSpace(item.name);
    if (!name.ok || parseProjectName(item.name) === null) return [];
    const local = places.toLocal(name.value);
    return local.ok && local.value === item.name ? [] : [name.value];
  });
}
