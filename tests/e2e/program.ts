import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { bundle } from '../../scripts/bundle.mjs';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the built command, made for this run alone. */
    readonly program: string;
  }
}

const repository = path.resolve(import.meta.dirname, '../..');

/** Builds the program once for all tests that run it as a process. */
export async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(path.join(repository, '.tmp-program-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    project.provide(
      'program',
      await bundle(repository, path.join(folder, 'dist'), { 'cli/here': path.join(import.meta.dirname, 'run-here.ts') }),
    );
  } catch (error) {
    remove();
    throw error;
  }
  symlinkSync(path.join(repository, 'node_modules'), path.join(folder, 'node_modules'));
  copyFileSync(path.join(repository, 'package.json'), path.join(folder, 'package.json'));
  return remove;
}
