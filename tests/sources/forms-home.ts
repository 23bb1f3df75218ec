import type { Form, FormContext, FormPart } from '../../src/kinds/claude-home/form.ts';
import { claudeJsonForm } from '../../src/kinds/claude-home/claude-json-form.ts';
import { settingsForm } from '../../src/kinds/claude-home/settings-form.ts';
import { isSecretName } from '../../src/redaction/secret-names.ts';
import { NO_FORM, type FormDocument, type FormMemory } from '../../src/sources/claude-home/form-memory.ts';
import { createFormsWorkspace, type FormsWorkspace } from '../../src/sources/claude-home/forms-workspace.ts';
import { createFileTreeSource, type FileTreeSource } from '../../src/sources/file-tree/file-tree-source.ts';
import type { TreeRules } from '../../src/sources/file-tree/rules.ts';
import { createMemoryDisk, type MemoryDisk } from '../../src/sources/files/memory-disk.ts';
import { createMemoryFiles, type MemoryFilesOptions } from '../../src/sources/files/memory-files.ts';
import { createTestClock, type TestClock } from '../contracts/test-clock.ts';
import { silent } from './tree-home.ts';
import type { SpaceDouble, WorkspaceDouble } from './workspace-double.ts';

export const FORMS: ReadonlyMap<string, Form> = new Map([
  ['settings.json', settingsForm],
  ['.claude.json', claudeJsonForm],
]);

const rules: TreeRules = {
  classify: (name) => ({ kind: name.endsWith('.json') ? 'json' : 'text' }),
  appends: () => false,
  deletable: () => true,
  wholeLines: () => false,
  mayBeEmpty: true,
};

/** A machine on which settings.json and .claude.json have their forms. */
export interface FormsHome {
  readonly disk: MemoryDisk;
  readonly clock: TestClock;
  readonly inner: WorkspaceDouble;
  readonly documents: Map<string, FormDocument>;
  workspace: FormsWorkspace;
  source: FileTreeSource;
  options: MemoryFilesOptions;
  /** Assigning it is an answer. */
  admit: (part: FormPart) => boolean;
  readonly stamp: number;
  /** Set to throw where a document is written, as a process that dies. */
  crash: (() => void) | null;
  restart(): void;
  write(path: string, value: unknown): void;
  text(path: string): string | null;
  value(path: string): unknown;
  settle(): void;
  /** Captures and applies until nothing is left to do. */
  live(): Promise<void>;
}

export function createFormsHome(space: SpaceDouble, name: string): FormsHome {
  const clock = createTestClock();
  const disk = createMemoryDisk({ now: () => clock.now() });
  const inner = space.workspace(name);
  const documents = new Map<string, FormDocument>();
  let admit: (part: FormPart) => boolean = () => true;
  const context = (): FormContext => ({
    paths: { home: `/home/${name}`, claudeHome: `/home/${name}/.claude` },
    isSecret: (keyPath) => isSecretName(keyPath.at(-1) ?? ''),
    admit: (part) => (home.admit(part) ? 'yes' : 'ask'),
  });
  const memory: FormMemory = {
    get: (id) => Promise.resolve(documents.get(id) ?? NO_FORM),
    async put(id, document) {
      home.crash?.();
      documents.set(id, document);
    },
    // Of these forms none stands still.
    placeless: () => Promise.resolve([]),
    putPlaceless: () => Promise.reject(new Error('no form here names projects')),
  };
  const home: FormsHome = {
    disk,
    clock,
    inner,
    documents,
    options: {},
    stamp: 0,
    get admit() {
      return admit;
    },
    set admit(next) {
      admit = next;
      (home as { stamp: number }).stamp += 1;
    },
    crash: null,
    workspace: undefined as never,
    source: undefined as never,
    restart() {
      const files = createMemoryFiles(
        { onMutation: (mutation, phase) => home.options.onMutation?.(mutation, phase), onRead: (path) => home.options.onRead?.(path) },
        disk,
      );
      home.workspace = createFormsWorkspace(inner, {
        clock,
        forms: FORMS,
        memory,
        stamp: () => `${home.stamp}`,
        contextOf: () => Promise.resolve(context()),
        async readLocal(path) {
          const read = await files.read(path);
          return read.ok ? read.value.bytes : null;
        },
      });
      home.source = createFileTreeSource({ files, workspace: home.workspace, rules, clock, log: silent });
    },
    write: (path, value) => disk.write(path, Buffer.from(typeof value === 'string' ? value : `${JSON.stringify(value, null, 2)}\n`)),
    text(path) {
      const entry = disk.get(path);
      return entry?.type === 'file' ? Buffer.from(entry.body).toString() : null;
    },
    value: (path) => JSON.parse(home.text(path) ?? 'null'),
    settle: () => clock.advance(10_000),
    async live() {
      home.settle();
      await home.source.scan();
      await home.source.apply();
      home.settle();
      await home.source.scan();
    },
  };
  home.restart();
  return home;
}
