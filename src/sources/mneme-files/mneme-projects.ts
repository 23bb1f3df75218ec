import type { SpaceId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Store } from '../../core/ports/store.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import { ok, type Result } from '../../core/result.ts';
import { projectFolder } from '../../kinds/claude-home/project-folder.ts';
import { folderId, isFolderId } from '../../kinds/mneme/folder-id.ts';
import { givenProject, mappedProject, projectId, type MnemeProject } from '../../kinds/mneme/names.ts';
import type { PlaceBook } from '../claude-home/place-book.ts';
import type { ProjectPlaces } from '../claude-home/project-places.ts';

/**
 * The ids that clients on this machine call their projects by, and the projects of the space: one repository is one project, wherever
 * it lies. Two ids never are one project.
 */
export interface MnemeProjects {
  /**
   * The project of an id. One made of a folder that this machine knows is the folder's project, if that has its place there; any other
   * stands for itself. Fails where no project can have that id. Changes nothing. O(1) for what was asked lately.
   */
  toSpace(id: string): Promise<Result<MnemeProject, string>>;
  /** The same, and durable: from now on the id is this project, and its folder the project's place. */
  bind(id: string): Promise<Result<MnemeProject, string>>;
  /** The id of a project on this machine; `null`: it has no place here. */
  toLocal(project: MnemeProject): Promise<string | null>;
}

/** What was not found on the disk is looked for again after so long. Milliseconds. */
const BELIEVED_MS = 30_000;
const REMEMBERED = 10_000;

export function createMnemeProjects(deps: {
  readonly store: Store;
  readonly space: SpaceId;
  readonly clock: Clock;
  readonly book: () => Promise<PlaceBook>;
  readonly places: () => Promise<ProjectPlaces>;
  /** The folder that a client made an id of. */
  readonly findFolder: (id: string) => Promise<string | null>;
}): MnemeProjects {
  const { store, clock } = deps;
  const collection = `mneme/projects/${deps.space}`;
  let bound: Promise<Map<string, MnemeProject>> | null = null;
  const binding = new Mutex();
  const guessed = new Map<string, { readonly project: MnemeProject; readonly at: number }>();

  const open = (): Promise<Map<string, MnemeProject>> =>
    (bound ??= store
      .read((tx) => tx.documents.list<MnemeProject>(collection))
      .then((kept) => new Map(kept.map(({ id, value }) => [id, value]))));

  /** The folder of an id, where a project has its place there or may have it. */
  const placeOf = async (id: string): Promise<{ readonly folder: string; readonly project: string } | null> => {
    const book = await deps.book();
    const known = [...book.folders()].find(([, { path }]) => folderId(path) === id)?.[1].path;
    const folder = known ?? (await deps.findFolder(id));
    const found = folder === null || folderId(folder) !== id ? null : await (await deps.places()).projectAt(folder);
    return folder !== null && found?.isPlace === true ? { folder, project: found.project } : null;
  };

  const toSpace = async (id: string): Promise<Result<MnemeProject, string>> => {
    const given = givenProject(id);
    if (!given.ok || !isFolderId(id)) return given;
    const kept = (await open()).get(id) ?? guessed.get(id);
    if (typeof kept === 'string') return ok(kept);
    if (kept !== undefined && Math.abs(clock.now() - kept.at) < BELIEVED_MS) return ok(kept.project);
    const place = await placeOf(id);
    const project = place === null ? given.value : mappedProject(place.project);
    if (guessed.size >= REMEMBERED) guessed.clear();
    guessed.set(id, { project, at: clock.now() });
    return ok(project);
  };

  const bindNew = async (id: string, given: MnemeProject): Promise<MnemeProject> => {
    const known = (await open()).get(id);
    if (known !== undefined) return known;
    const found = await placeOf(id);
    if (found !== null) await (await deps.places()).bind(projectFolder(found.folder), () => found.folder);
    // Looked at again: Claude Code may have been run in another checkout of it meanwhile.
    const place = found === null ? null : await placeOf(id);
    const project = place === null ? given : mappedProject(place.project);
    await store.write((tx) => tx.documents.put(collection, id, project));
    (await open()).set(id, project);
    guessed.clear();
    return project;
  };

  return {
    toSpace,

    async bind(id) {
      const given = givenProject(id);
      if (!given.ok || !isFolderId(id)) return given;
      const kept = (await open()).get(id);
      return ok(kept ?? (await binding.run(() => bindNew(id, given.value))));
    },

    async toLocal(project) {
      const named = projectId(project);
      if (named === null) return null;
      let id = named.id;
      if (named.type === 'mapped') {
        const book = await deps.book();
        const place = book.folder(book.placeOf(named.id) ?? '');
        if (place === undefined) return null;
        id = folderId(place.path);
      }
      const back = await toSpace(id);
      return back.ok && back.value === project ? id : null;
    },
  };
}
