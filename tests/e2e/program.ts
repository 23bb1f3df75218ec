import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { bundle } from '../../scripts/bundle.mjs';
import { keepingCode } from './keeping-code.ts';

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
    symlinkSync(path.join(repository, 'node_modules'), path.join(folder, 'node_modules'));
    copyFileSync(path.join(repository, 'package.json'), path.join(folder, 'package.json'));
    const program = await bundle(repository, path.join(folder, 'dist'), {
      'cli/here': path.join(import.meta.dirname, 'run-here.ts'),
      'cli/keep-code': path.join(import.meta.dirname, 'keep-code.ts'),
    });
    await startOnce(program, path.join(folder, 'home'));
    project.provide('program', program);
  } catch (error) {
    remove();
    throw error;
  }
  return remove;
}

/** What that compiles is kept for the hundreds of nodes that the tests start (keep-code.ts): most of those are killed, and keep nothing. */
async function startOnce(program: string, home: string): Promise<void> {
  mkdirSync(home);
  const env = { PATH: process.env['PATH'], HOME: home };
  const args = [...keepingCode(program, 'up'), program, 'up', '--port', '0'];
  const node = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [node.stdout, node.stderr]) {
    stream.on('data', (part: Buffer) => {
      const wasUp = output.includes('Ctrl-C');
      output += part.toString();
      if (!wasUp && output.includes('Ctrl-C')) node.kill(); // once: a second signal ends it in the midst
    });
  }
  const [code] = (await once(node, 'close')) as [number | null];
  if (code !== 0) throw new Error(`satchel up ended with ${code}: ${output}`);
}
