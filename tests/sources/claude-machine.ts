import type { SpaceId } from '../../src/core/ids.ts';
import type { Store } from '../../src/core/ports/store.ts';
import type { CaptureReport, Workspace } from '../../src/core/replica/workspace.ts';
import type { Project } from '../../src/kinds/claude-home/project.ts';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
import { openPlaceBook } from '../../src/sources/claude-home/place-book.ts';
import { createProjectPlaces } from '../../src/sources/claude-home/project-places.ts';
import { createProjectsWorkspace } from '../../src/sources/claude-home/projects-workspace.ts';
import { createFileTreeSource, type FileTreeSource } from '../../src/sources/file-tree/file-tree-source.ts';
import type { TreeRules } from '../../src/sources/file-tree/rules.ts';
import { createMemoryDisk } from '../../src/sources/files/memory-disk.ts';
import { createMemoryFiles } from '../../src/sources/files/memory-files.ts';
import { createLogStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock, type TestClock } from '../contracts/test-clock.ts';
import { silent } from './tree-home.ts';
import type { SpaceDouble, WorkspaceDouble } from './workspace-double.ts';

const rules: TreeRules = {
  classify: (name) => (name.startsWith('projects/') ? { kind: name.endsWith('.jsonl') ? 'transcript' : 'text' } : null),
  appends: (kind) => kind === 'transcript',
  deletable: (kind) => kind !== 'transcript',
  wholeLines: (kind) => kind === 'transcript',
};

/** The projects that all machines of a space know. */
export type Projects = Map<string, Project>;

/** A Claude home in memory, on a machine with folders that are known by aliases. */
export interface ClaudeMachine {
  readonly clock: TestClock;
  readonly space: WorkspaceDouble;
  readonly workspace: Workspace;
  source: FileTreeSource;
  /** Path → aliases, the best first. Changed by tests at any time. */
  readonly folders: Map<string, readonly string[]>;
  /** Captures all, then applies all. */
  round(): Promise<void>;
  /** A new process. */
  restart(): Promise<void>;
  write(path: string, name: string, text: string): void;
  /** A portion of a capture: one new file, which is not on the disk; of a transcript one record. */
  capture(path: string, name: string, text: string): Promise<CaptureReport>;
  text(path: string, name: string): string | null;
  names(): string[];
}

/** One record of a transcript. */
export const said = (cwd: string, text: string): string => `${JSON.stringify({ cwd, text })}\n`;

export async function createClaudeMachine(
  space: SpaceDouble,
  projects: Projects,
  name: string,
  folders: Readonly<Record<string, readonly string[]>>,
): Promise<ClaudeMachine> {
  const clock = createTestClock();
  const disk = createMemoryDisk({ now: () => clock.now() });
  const double = space.workspace(name, (kind) => rules.deletable(kind));
  const store: Store = createLogStoreDouble();
  const known = new Map(Object.entries(folders));
  const machine = { clock, space: double, folders: known } as { -readonly [K in keyof ClaudeMachine]: ClaudeMachine[K] };
  const paths = {
    aliasesOf: (path: string) => Promise.resolve(known.get(path) ?? [`path:${path}`]),
    placeOf: ({ aliases }: Project) =>
      Promise.resolve([...known].find(([, own]) => own.some((alias) => aliases.includes(alias)))?.[0] ?? null),
    pathOf: () => Promise.resolve(null),
  };
  const registry = {
    projects: () => Promise.resolve(projects),
    add(id: string, aliases: readonly string[]) {
      projects.set(id, { id, aliases: [...new Set([...(projects.get(id)?.aliases ?? []), ...aliases])].sort() });
      return Promise.resolve();
    },
  };
  machine.restart = async () => {
    const book = await openPlaceBook(store, 'space' as SpaceId);
    const places = createProjectPlaces({ book, registry, paths, clock });
    machine.workspace = createProjectsWorkspace(double, { places: () => Promise.resolve(places) });
    machine.source = createFileTreeSource({
      files: createMemoryFiles({}, disk),
      workspace: machine.workspace,
      rules,
      clock,
      log: silent,
    });
  };
  const at = (path: string, file: string): string => `projects/${projectFolder(path)}/${file}`;
  machine.write = (path, file, text) => disk.write(at(path, file), Buffer.from(text));
  machine.capture = (path, file, text) => {
    const [kind, body] = file.endsWith('.jsonl') ? ['transcript', said(path, text)] : ['text', text];
    const item = { kind, name: at(path, file) };
    const note = { message: file, writer: machine.workspace.writer };
    return machine.workspace.capture([{ type: 'body', item, attributes: {}, body: Buffer.from(body), local: null }], note);
  };
  machine.text = (path, file) => {
    const entry = disk.get(at(path, file));
    return entry?.type === 'file' ? Buffer.from(entry.body).toString() : null;
  };
  machine.names = () => disk.paths().filter((path) => disk.get(path)?.type === 'file');
  machine.round = async () => {
    clock.advance(10_000);
    await machine.source.scan();
    await machine.source.apply();
  };
  await machine.restart();
  return machine;
}
