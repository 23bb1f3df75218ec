import type { SpaceId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { MNEME_FILES, RENDERED_FILE, type MnemeProject } from '../../kinds/mneme/names.ts';
import type { MnemeClient } from './client.ts';
import { createClientViews, type ClientViews, type Shown } from './client-views.ts';
import { SYNCED_FILES, type SyncedFile } from './schema.ts';
import { createServedFiles, itemOf, type ServedFile, type ServedFiles } from './served-files.ts';
import type { ProjectSpaces } from './spaces.ts';
import type { Steer } from './steering.ts';
import { EARLIEST, LATEST, wireTime } from './wire.ts';

export interface WireFile {
  readonly name: SyncedFile;
  readonly size: number;
  readonly mtime: string;
}

/** The files of all projects, and what each client has of them. */
export interface ProjectFiles {
  /** Those that are there. Their times make a client do what `steer` says. */
  list(project: MnemeProject, client: MnemeClient | null, steer: Steer): Promise<WireFile[]>;
  /** `received`: to be called when it certainly arrived. `null` where there is none. */
  read(project: MnemeProject, file: SyncedFile, client: MnemeClient | null): Promise<Sent | null>;
  /** Takes what a client pushed; durable when it resolves. Returns the file's time. */
  push(project: MnemeProject, file: SyncedFile, body: Uint8Array, client: MnemeClient): Promise<string>;
  /** Files that the client is known to have. */
  has(project: MnemeProject, client: MnemeClient): Promise<SyncedFile[]>;
  close(): Promise<void>;
}

export interface Sent {
  readonly answer: Uint8Array;
  readonly received: () => void;
}

interface OpenSpace {
  readonly replica: Replica;
  readonly files: ServedFiles;
  readonly views: ClientViews;
}

export function createProjectFiles(deps: { readonly spaces: ProjectSpaces; readonly clock: Clock }): ProjectFiles {
  const { spaces, clock } = deps;
  const opened = new Map<SpaceId, OpenSpace>();

  function open(replica: Replica): OpenSpace {
    const known = opened.get(replica.space);
    if (known?.replica === replica) return known;
    void known?.views.close(); // the space was opened anew
    const files = createServedFiles({ replica, clock });
    const space = { replica, files, views: createClientViews({ replica, files }) };
    opened.set(replica.space, space);
    return space;
  }

  async function find(project: MnemeProject): Promise<OpenSpace | null> {
    const replica = await spaces.find(project);
    return replica === null ? null : open(replica);
  }

  return {
    async list(project, client, steer) {
      const space = await find(project);
      if (space === null) return [];
      const found = await Promise.all(SYNCED_FILES.map((name) => space.files.read(project, name)));
      const here = found.filter((file) => file !== null);
      return Promise.all(
        here.map(async (file) => ({ name: file.name, size: file.body.length, mtime: await timeFor(space, project, file, client, steer) })),
      );
    },

    async read(project, file, client) {
      const space = await find(project);
      const served = (await space?.files.read(project, file)) ?? null;
      if (space === null || served === null) return null;
      // Noted before it is sent: what a client pushes later may be made from it.
      const received = client === null ? () => undefined : await space.views.offer(client.writer, served);
      return { answer: served.answer, received };
    },

    async push(project, file, body, client) {
      const space = open(await spaces.make(project));
      // Rendered from another file, it is nothing of its own.
      const isRendered = file === RENDERED_FILE && (await space.files.read(project, file))?.item === null;
      if (!isRendered) await space.views.push(client.writer, project, file, body);
      return wireTime(await space.files.changedAt(project, file));
    },

    async has(project, client) {
      const space = await find(project);
      if (space === null) return [];
      const shown = await Promise.all(MNEME_FILES.map((file) => space.views.shown(client.writer, itemOf(project, file))));
      return MNEME_FILES.filter((_, index) => {
        const { has, isReceived } = shown[index] as Shown;
        return has !== null || isReceived;
      });
    },

    async close() {
      for (const { views } of opened.values()) await views.close();
      opened.clear();
    },
  };
}

/** Clients download what is later than their own file, and upload what is earlier. */
async function timeFor(
  { views, files }: OpenSpace,
  project: MnemeProject,
  file: ServedFile,
  client: MnemeClient | null,
  steer: Steer,
): Promise<string> {
  if (steer === 'none') return wireTime(file.changed);
  if (steer !== 'take' || client === null) return EARLIEST;
  // What is rendered goes with what it is rendered from: a client's own may be of what it has not pushed.
  const { item, digest } = file.item === null ? ((await files.read(project, 'summary.json')) ?? file) : file;
  if (item === null) return EARLIEST;
  const { has, offered, isReceived } = await views.shown(client.writer, item);
  const holds = isReceived ? offered : has;
  // What it never had it downloads where it has no file of its own; where it has one, nobody knows what is in it.
  return holds === null || holds === digest ? EARLIEST : LATEST;
}
