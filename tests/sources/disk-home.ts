import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createNodeFiles } from '../../src/sources/files/node-files.ts';
import { createFileTreeSource, type FileTreeSource } from '../../src/sources/file-tree/file-tree-source.ts';
import type { Workspace } from '../../src/core/replica/workspace.ts';
import type { TreeRules } from '../../src/sources/file-tree/rules.ts';
import { silent, testRules } from './tree-home.ts';

/** A home on the real disk, by the real clock. */
export interface DiskHome {
  readonly base: string;
  readonly root: string;
  readonly source: FileTreeSource;
  at(path: string): string;
  write(path: string, text: string): void;
  text(path: string): string | null;
  close(): void;
}

export function createDiskHome(workspace: Workspace, rules: TreeRules = testRules): DiskHome {
  const base = mkdtempSync(join(tmpdir(), 'satchel-home-'));
  const root = join(base, 'home');
  mkdirSync(root);
  const files = createNodeFiles({ root, random: { bytes: (length) => randomBytes(length) } });
  const at = (path: string): string => join(root, path);
  return {
    base,
    root,
    source: createFileTreeSource({ files, workspace, rules, clock: systemClock, log: silent }),
    at,
    write(path, text) {
      mkdirSync(dirname(at(path)), { recursive: true });
      writeFileSync(at(path), text);
    },
    text: (path) => (existsSync(at(path)) ? readFileSync(at(path), 'utf8') : null),
    close: () => rmSync(base, { recursive: true, force: true }),
  };
}

const systemClock = {
  now: () => Date.now(),
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    try {
      await delay(ms, undefined, { ref: false, ...(signal && { signal }) });
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  },
};

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(2);
}
