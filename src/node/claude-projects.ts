import path from 'node:path';
import type { Config } from '../config/config.ts';
import type { Content } from '../core/content.ts';
import { itemKey, type Item } from '../core/item.ts';
import type { Clock } from '../core/ports/clock.ts';
import { createReplicaWorkspace } from '../core/replica/replica-workspace.ts';
import type { Replica } from '../core/replica/replica.ts';
import { BodyUnavailable } from '../core/replica/workspace.ts';
import {
  encodeProject,
  parseProject,
  projectItemName,
  projectKind,
  projectOfItemName,
  type Project,
} from '../kinds/claude-home/project.ts';
import type { ProjectPaths } from '../kinds/claude-home/history-line.ts';
import { projectFolder } from '../kinds/claude-home/project-folder.ts';
import { transcriptKind } from '../kinds/jsonl/transcript.ts';
import { createForkStrays } from './sessions/fork-strays.ts';
import { createNodePaths } from '../sources/claude-home/node-paths.ts';
import { openPlaceBook, type PlaceBook } from '../sources/claude-home/place-book.ts';
import { createProjectPlaces, type ProjectPlaces } from '../sources/claude-home/project-places.ts';
import type { ProjectRegistry } from '../sources/claude-home/project-registry.ts';

/** The projects of a space as items of it. */
export function createProjectRegistry(replica: Replica): ProjectRegistry & { close(): Promise<void> } {
  const workspace = createReplicaWorkspace(replica, { writer: 'projects', covers: ({ kind }) => kind === projectKind.id });
  let known: Promise<Map<string, Project>> | null = null;
  const stop = replica.onChange((items) => {
    if (items.some(({ kind }) => kind === projectKind.id)) known = null;
  });

  const load = async (): Promise<Map<string, Project>> => {
    const projects = new Map<string, Project>();
    for (const { item, content } of await replica.list({ kind: projectKind.id })) {
      const id = projectOfItemName(item.name);
      if (id === null || content === null) continue;
      try {
        const aliases = parseProject(await replica.bodies.read(content));
        if (aliases.ok) projects.set(id, { id, aliases: aliases.value });
      } catch (error) {
        if (!(error instanceof BodyUnavailable)) throw error; // known once its body can be had
        known = null;
      }
    }
    return projects;
  };

  const projects = async (): Promise<Map<string, Project>> => {
    known ??= load();
    try {
      return await known;
    } catch (error) {
      known = null;
      throw error;
    }
  };

  return {
    projects,
    async add(id, aliases) {
      const item = { kind: projectKind.id, name: projectItemName(id) };
      const before = (await replica.visible([item])).get(itemKey(item))?.content ?? null;
      const held = before === null ? [] : ((await projects()).get(id)?.aliases ?? []);
      const body = encodeProject([...held, ...aliases]);
      await workspace.capture([{ type: 'body', item, attributes: {}, body, local: null }], {
        message: `project ${id}`,
        writer: 'projects',
      });
      known = null;
    },
    async close() {
      stop();
      await workspace.close();
    },
  };
}

/** The projects of a space, and where they stand on this machine. */
export interface ClaudeProjects {
  readonly registry: ProjectRegistry;
  readonly book: () => Promise<PlaceBook>;
  readonly places: () => Promise<ProjectPlaces>;
  /** Transcripts that changed since the last call, except those that are here, and what they hold now. Cost: one look-up, none without such. */
  goneOn(isHere: (item: Item) => boolean): Promise<{ readonly item: Item; readonly content: Content }[]>;
  /** For paths that stand in bodies. */
  paths(): Promise<ProjectPaths>;
  /** After a sync: {@link createForkStrays}. */
  removeStrays(): Promise<void>;
  /** Whether a project that had no place here has one by now. Cost: some stats, and none where all have theirs. */
  hasNewPlaces(): Promise<boolean>;
  close(): Promise<void>;
}

/** Opens what is kept of the places with the first use. */
export function createClaudeProjects(config: Config, replica: Replica, clock: Clock): ClaudeProjects {
  const { userHome, claudeHome, claudeConfigDir } = config.environment;
  const registry = createProjectRegistry(replica);
  const paths = createNodePaths({ home: userHome, claudeHome, claudeJson: path.join(claudeConfigDir ?? userHome, '.claude.json'), clock });
  let opening: Promise<PlaceBook> | null = null;
  let places: ProjectPlaces | null = null;
  const changed = new Map<string, Item>();
  const stop = replica.onChange((items) => {
    for (const item of items) if (item.kind === transcriptKind.id) changed.set(itemKey(item), item);
  });
  const book = (): Promise<PlaceBook> => (opening ??= openPlaceBook(replica.deps.store, replica.space));
  return {
    registry,
    book,
    async places() {
      const opened = await book();
      return (places ??= createProjectPlaces({ book: opened, registry, paths, clock }));
    },
    async goneOn(isHere) {
      const items = [...changed.values()].filter((item) => !isHere(item));
      changed.clear();
      if (items.length === 0) return [];
      return [...(await replica.visible(items)).values()].flatMap(({ item, content }) => (content === null ? [] : [{ item, content }]));
    },
    paths: async () => projectPathsOf(await book()),
    removeStrays: createForkStrays(replica),
    async hasNewPlaces() {
      const opened = await book();
      for (const project of (await registry.projects()).values()) {
        if (opened.placeOf(project.id) === undefined && (await paths.placeOf(project)) !== null) return true;
      }
      return false;
    },
    close() {
      stop();
      return registry.close();
    },
  };
}

/** Where projects are on this machine, for paths that stand in bodies. */
export function projectPathsOf(book: PlaceBook): ProjectPaths {
  const pathOf = (id: string): string | null => book.folder(book.placeOf(id) ?? '')?.path ?? null;
  return {
    pathOf,
    // Both ways or not at all: another checkout of the project is a path like others.
    idOf(folder) {
      const id = book.folder(projectFolder(folder))?.project;
      return id !== undefined && pathOf(id) === folder ? id : null;
    },
  };
}
