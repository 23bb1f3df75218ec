import type { SpaceId } from '../../core/ids.ts';
import type { Store } from '../../core/ports/store.ts';
import type { ForkedSession } from './exchange-forks.ts';

/** A folder in `projects/` of this machine. */
export interface BoundFolder {
  /** The path that it stands for, links resolved. */
  readonly path: string;
  /** The project that new files in it belong to. */
  readonly project: string;
  /** Projects whose place on this machine it is. Without its own where another checkout came first. */
  readonly holds: readonly string[];
}

/**
 * Which project stands in which folder on this machine: durable, and in memory while it runs. Once bound, a folder keeps
 * its project.
 */
export interface PlaceBook {
  folder(name: string): BoundFolder | undefined;
  folders(): Iterable<readonly [name: string, folder: BoundFolder]>;
  /** The folder that is a project's place here. */
  placeOf(project: string): string | undefined;
  /** Where a session of a project stands, if not in the project's place. */
  exception(project: string, session: string): string | undefined;
  /** The project of a session in a folder, if not the folder's own. */
  guest(folder: string, session: string): string | undefined;
  /** The session whose id a session of the space has on this machine, and the reverse: forks exchange theirs. */
  readonly localId: (session: string) => string;
  readonly spaceId: (session: string) => string;
  putFolder(name: string, folder: BoundFolder): Promise<void>;
  putException(project: string, session: string, folder: string): Promise<void>;
  /** From now on a session and its fork have each other's local id. Noted for {@link forksNoted}. */
  exchange(forked: ForkedSession): Promise<void>;
}

/** Documents of a space: sessions that were exchanged on this machine, by id, until what they left behind is put in order. */
export const forksNoted = (space: SpaceId): string => `places/forks/${space}`;

/** Documents of a space: where projects are on this machine. */
export const foldersNoted = (space: SpaceId): string => `places/folders/${space}`;

export type NotedFork = Pick<ForkedSession, 'project' | 'fork'>;

const unitKey = (owner: string, session: string): string => `${owner}/${session}`;

/** O(folders + exceptions) once. */
export async function openPlaceBook(store: Store, space: SpaceId): Promise<PlaceBook> {
  const collections = { folders: foldersNoted(space), sessions: `places/sessions/${space}`, ids: `places/ids/${space}` };
  const [kept, sessions, ids] = await store.read(async (tx) => [
    await tx.documents.list<BoundFolder>(collections.folders),
    await tx.documents.list<string>(collections.sessions),
    await tx.documents.list<string>(collections.ids),
  ]);
  const folders = new Map(kept.map(({ id, value }) => [id, value]));
  const exceptions = new Map(sessions.map(({ id, value }) => [id, value]));
  const guests = new Map<string, string>();
  const noteGuest = (key: string, folder: string): void => {
    const cut = key.lastIndexOf('/');
    guests.set(unitKey(folder, key.slice(cut + 1)), key.slice(0, cut));
  };
  for (const [key, folder] of exceptions) noteGuest(key, folder);
  const toLocal = new Map(ids.map(({ id, value }) => [id, value]));
  const toSpace = new Map(ids.map(({ id, value }) => [value, id]));
  const places = new Map<string, string>();
  const notePlaces = (name: string, { holds }: BoundFolder): void => {
    for (const project of holds) if (!places.has(project)) places.set(project, name);
  };
  for (const [name, folder] of folders) notePlaces(name, folder);

  const localId = (session: string): string => toLocal.get(session) ?? session;
  return {
    folder: (name) => folders.get(name),
    folders: () => folders.entries(),
    placeOf: (project) => places.get(project),
    exception: (project, session) => exceptions.get(unitKey(project, session)),
    guest: (folder, session) => guests.get(unitKey(folder, session)),
    localId,
    spaceId: (session) => toSpace.get(session) ?? session,
    async putFolder(name, folder) {
      await store.write((tx) => tx.documents.put(collections.folders, name, folder));
      folders.set(name, folder);
      notePlaces(name, folder);
    },
    async putException(project, session, folder) {
      const key = unitKey(project, session);
      if (exceptions.get(key) === folder) return;
      await store.write((tx) => tx.documents.put(collections.sessions, key, folder));
      exceptions.set(key, folder);
      noteGuest(key, folder);
    },
    async exchange({ project, session: a, fork: b }) {
      const [localA, localB] = [localId(a), localId(b)];
      await store.write(async (tx) => {
        await tx.documents.put(collections.ids, a, localB);
        await tx.documents.put(collections.ids, b, localA);
        await tx.documents.put<NotedFork>(forksNoted(space), a, { project, fork: b });
      });
      for (const [session, local] of [
        [a, localB],
        [b, localA],
      ] as const) {
        toLocal.set(session, local);
        toSpace.set(local, session);
      }
    },
  };
}
