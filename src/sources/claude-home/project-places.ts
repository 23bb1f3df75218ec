import type { Clock } from '../../core/ports/clock.ts';
import { isGitAlias, mintProjectId, type ProjectAlias } from '../../kinds/claude-home/project-alias.ts';
import { projectFolder } from '../../kinds/claude-home/project-folder.ts';
import { matchProject, type Project } from '../../kinds/claude-home/project.ts';
import { parseProjectName, sessionOf, withSession } from '../../kinds/claude-home/session-name.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { ForkedSession } from './exchange-forks.ts';
import type { MachinePaths } from './machine-paths.ts';
import type { PlaceBook } from './place-book.ts';
import type { ProjectRegistry } from './project-registry.ts';

/** Names of the space and names on this machine, both ways. Names outside of `projects/` stay but for a session's id. */
export interface ProjectPlaces {
  /** Fails with the reason why the item cannot stand here. */
  toLocal(name: string): Result<string, string>;
  /** Fails with the reason why the file cannot travel (yet). Never maps two names to one. */
  toSpace(name: string): Result<string, string>;
  /** Names of the space at and under which all that stands at and under a local name is found. */
  spaceNamesUnder(local: string): string[];
  /**
   * Finds out which project a folder belongs to, where that is not known. `cwd`: what transcripts found there say that it stands for;
   * asked where it matters alone, since it takes reading them.
   */
  bind(folder: string, cwd: () => string | null): Promise<void>;
  /**
   * The project that a folder (absolute, links resolved) belongs to, or would if it were bound, and whether it is or would be its place
   * here; `null` where Claude Code calls another folder the same. Changes nothing.
   */
  projectAt(path: string): Promise<{ readonly project: string; readonly isPlace: boolean } | null>;
  /** Gives a project that has none this place: a path with its links resolved. Fails where it has one already. */
  map(project: string, path: string): Promise<Result<string, string>>;
  /** Looks for places of projects that have none. Returns those that got one since the last call, in whatever way. */
  findPlaces(): Promise<string[]>;
  /** Notes durably that an item stands in this local folder, where that is not what follows by itself. */
  keep(name: string, folder: string): Promise<void>;
  /** The id that a session of the space has on this machine. */
  localSession(session: string): string;
  /** From now on a session and its fork have each other's id on this machine, in the same folder. */
  exchange(forked: ForkedSession): Promise<void>;
}

const UNKNOWN_FOLDER = 'nothing in it says which folder its sessions were run in';
/** Begins the reason of what waits for a place. */
export const NO_PLACE = 'its project has no place here';
/** Looking for places costs a few stats a project. */
const LOOK_MS = 2_000;

export function createProjectPlaces(deps: {
  readonly book: PlaceBook;
  readonly registry: ProjectRegistry;
  readonly paths: MachinePaths;
  readonly clock: Clock;
}): ProjectPlaces {
  const { book, registry, paths, clock } = deps;
  let looked: { readonly at: number; readonly projects: ReadonlyMap<string, Project> } | null = null;
  let placed = new Set<string>();
  /** Who gives a folder its project must see what another one is about to: portions are captured at the same time. */
  const turns = new Mutex();
  /** Folders that were looked at for a remote, once a process. */
  const told = new Set<string>();

  /** The name with its session's id on the other side. */
  const exchanged = (name: string, id: (session: string) => string): string => {
    const session = sessionOf(name);
    return session === null || id(session) === session ? name : withSession(name, session, id(session));
  };

  const toLocal = (name: string): Result<string, string> => {
    const local = exchanged(name, book.localId);
    const parts = parseProjectName(name);
    if (parts === null) return ok(local);
    const place = (parts.session === null ? undefined : book.exception(parts.folder, parts.session)) ?? book.placeOf(parts.folder);
    if (place === undefined) return fail(`${NO_PLACE}: ${parts.folder}`);
    if (parts.session === null && book.folder(place)?.project !== parts.folder) return fail('another project has its place here');
    return ok(`projects/${place}/${parseProjectName(local)?.rest}`);
  };

  const toSpace = (name: string): Result<string, string> => {
    const named = exchanged(name, book.spaceId);
    const parts = parseProjectName(named);
    if (parts === null) return ok(named);
    const bound = book.folder(parts.folder);
    if (bound === undefined) return fail(UNKNOWN_FOLDER);
    if (parts.session === null && !bound.holds.includes(bound.project)) return fail('another folder here is the place of its project');
    const project = (parts.session === null ? undefined : book.guest(parts.folder, parts.session)) ?? bound.project;
    return ok(`projects/${project}/${parts.rest}`);
  };

  const projectOf = async (path: string): Promise<{ readonly project: string; readonly own: readonly ProjectAlias[] }> => {
    const aliases = await paths.aliasesOf(path);
    const own = ownAliases(aliases);
    const known = matchProject(aliases, (await registry.projects()).values());
    return { project: known?.id ?? mintProjectId(own[0] ?? aliases[0] ?? `path:${path}`), own };
  };

  /** Binds a folder to the project with these aliases, which is made where none has them. */
  const bindPath = async (folder: string, path: string): Promise<void> => {
    const { project, own } = await projectOf(path);
    const projects = await registry.projects();
    const known = projects.get(project)?.aliases ?? [];
    if (own.some((alias) => !known.includes(alias))) await registry.add(project, own);
    const holds = book.placeOf(project) === undefined ? [project] : [];
    await book.putFolder(folder, { path, project, holds });
    for (const held of holds) placed.add(held);
  };

  /** A checkout that got its remote after its project was minted tells the others. */
  const tellRemotes = async (projects: ReadonlyMap<string, Project>): Promise<void> => {
    for (const [name, { path, project, holds }] of [...book.folders()]) {
      const known = projects.get(project)?.aliases;
      if (told.has(name) || known === undefined || !holds.includes(project)) continue;
      told.add(name);
      if (known.some(isGitAlias)) continue;
      const remotes = (await paths.aliasesOf(path)).filter(isGitAlias);
      if (remotes.length > 0) await registry.add(project, remotes);
    }
  };

  const look = async (projects: ReadonlyMap<string, Project>): Promise<void> => {
    await tellRemotes(projects);
    for (const project of projects.values()) {
      if (book.placeOf(project.id) !== undefined) continue;
      const path = await paths.placeOf(project);
      if (path === null) continue;
      const folder = projectFolder(path);
      if (book.folder(folder) === undefined) await bindPath(folder, path);
      await giveHold(project.id, path);
    }
  };

  const giveHold = async (project: string, path: string): Promise<string> => {
    const folder = projectFolder(path);
    const bound = book.folder(folder) ?? { path, project, holds: [] };
    if (!bound.holds.includes(project)) await book.putFolder(folder, { ...bound, holds: [...bound.holds, project] });
    placed.add(project);
    return folder;
  };

  /** Both ways: the project's files stand in this folder, and the folder's files are the project's. */
  const isDefault = (project: string, folder: string): boolean =>
    book.placeOf(project) === folder && book.folder(folder)?.project === project;

  return {
    toLocal,
    toSpace,
    spaceNamesUnder(local) {
      const [root, folder, ...rest] = exchanged(local, book.spaceId).split('/');
      if (root !== 'projects' || folder === undefined) return [exchanged(local, book.spaceId)];
      const bound = book.folder(folder);
      if (bound === undefined) return [];
      return [...new Set([bound.project, ...bound.holds])].map((project) => ['projects', project, ...rest].join('/'));
    },
    async bind(folder, cwd) {
      if (book.folder(folder) !== undefined) return;
      await turns.run(async () => {
        if (book.folder(folder) !== undefined) return;
        const path = cwd() ?? (await paths.pathOf(folder));
        if (path !== null) await bindPath(folder, path);
      });
    },
    async projectAt(path) {
      const bound = book.folder(projectFolder(path));
      if (bound !== undefined) return bound.path === path ? { project: bound.project, isPlace: bound.holds.includes(bound.project) } : null;
      const { project } = await projectOf(path);
      return { project, isPlace: book.placeOf(project) === undefined };
    },
    map: (project, path) =>
      turns.run(async () => {
        const place = book.placeOf(project);
        if (place !== undefined) return fail(`it has its place here already: ${book.folder(place)?.path}`);
        return ok(await giveHold(project, path));
      }),
    findPlaces: () =>
      turns.run(async () => {
        const [projects, now] = [await registry.projects(), clock.now()];
        if (looked?.projects !== projects || Math.abs(now - looked.at) >= LOOK_MS) {
          looked = { at: now, projects };
          await look(projects);
        }
        const found = [...placed];
        placed = new Set();
        return found;
      }),
    localSession: (session) => book.localId(session),
    async exchange({ project, session, fork }) {
      const folder = book.exception(project, session);
      if (folder !== undefined) await book.putException(project, fork, folder);
      await book.exchange({ project, session, fork });
    },
    async keep(name, folder) {
      const parts = parseProjectName(name);
      if (parts?.session == null || isDefault(parts.folder, folder)) return;
      await book.putException(parts.folder, parts.session, folder);
    },
  };
}

/** What a machine tells others of a folder: a checkout is known by its remote, wherever it lies. */
function ownAliases(aliases: readonly ProjectAlias[]): readonly ProjectAlias[] {
  const remotes = aliases.filter(isGitAlias);
  return remotes.length > 0 ? remotes : aliases;
}
