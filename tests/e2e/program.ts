import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the built command, made for this run alone. */
    readonly program: string;
  }
}

const repository = path.resolve(import.meta.dirname, '../..');

/** Builds the program once for all tests that run it as a process. */
export function setup(project: TestProject): () => void {
  const folder = mkdtempSync(path.join(repository, '.tmp-program-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const compiler = path.join(repository, 'node_modules/typescript/bin/tsc');
  // Types are checked by `npm run check`; here it is about what runs, and soon.
  const options = ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', path.join(folder, 'dist')];
  try {
    execFileSync(process.execPath, [compiler, ...options], { cwd: repository, stdio: 'inherit' });
  } catch (error) {
    remove();
    throw error;
  }
  symlinkSync(path.join(repository, 'node_modules'), path.join(folder, 'node_modules'));
  copyFileSync(path.join(repository, 'package.json'), path.join(folder, 'package.json'));
  project.provide('program', path.join(folder, 'dist/cli/main.js'));
  return remove;
}
