import { createMemoryDisk, type MemoryDisk } from '../../src/sources/files/memory-disk.ts';
import { createMemoryFiles, type MemoryFiles, type MemoryFilesOptions } from '../../src/sources/files/memory-files.ts';
import { createFileTreeSource, type FileTreeSource } from '../../src/sources/file-tree/file-tree-source.ts';
import type { TreeLimits, TreeRules } from '../../src/sources/file-tree/rules.ts';
import { createTestClock, type TestClock } from '../contracts/test-clock.ts';
import type { SpaceDouble, WorkspaceDouble } from './workspace-double.ts';

export const testRules: TreeRules = {
  classify: (name) => (name.startsWith('local/') ? null : name.endsWith('.jsonl') ? { kind: 'lines' } : { kind: 'text' }),
  enters: (folder) => folder !== 'cache',
  appends: (kind) => kind === 'lines',
  deletable: (kind) => kind !== 'lines',
  wholeLines: (kind) => kind === 'lines',
  groupOf: (name) => (name.startsWith('group/') ? 'group' : null),
};

export const silent = { info: () => undefined, warn: () => undefined };

/** One machine with its disk in memory. `restart` gives it a new process on the same disk and views. */
export interface TreeHome {
  readonly disk: MemoryDisk;
  readonly clock: TestClock;
  readonly workspace: WorkspaceDouble;
  files: MemoryFiles;
  source: FileTreeSource;
  /** Changed by tests at any time. */
  options: MemoryFilesOptions;
  restart(): void;
  write(path: string, text: string, mode?: number): void;
  text(path: string): string | null;
  /** Time enough that what was written is settled. */
  settle(): void;
}

export function createTreeHome(
  space: SpaceDouble,
  options: MemoryFilesOptions = {},
  limits: Partial<TreeLimits> = {},
  writer = 'home',
): TreeHome {
  const clock = createTestClock();
  const disk = createMemoryDisk({ now: () => clock.now(), ...options });
  const workspace = space.workspace(writer, (kind) => testRules.deletable(kind));
  const home: TreeHome = {
    disk,
    clock,
    workspace,
    options,
    files: createMemoryFiles(),
    source: undefined as never,
    restart() {
      home.files = createMemoryFiles(
        {
          ...options,
          onMutation: (mutation, phase) => home.options.onMutation?.(mutation, phase),
          onRead: (path) => home.options.onRead?.(path),
          refuses: (operation, path) => home.options.refuses?.(operation, path) ?? null,
        },
        disk,
      );
      home.source = createFileTreeSource({
        files: home.files,
        workspace,
        rules: testRules,
        clock,
        log: silent,
        limits,
        seen: workspace.kept,
      });
    },
    write: (path, text, mode) => disk.write(path, Buffer.from(text), mode),
    text(path) {
      const entry = disk.get(path);
      return entry?.type === 'file' ? Buffer.from(entry.body).toString() : null;
    },
    settle: () => clock.advance(10_000),
  };
  home.restart();
  return home;
}
