import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const REPOSITORY = join(import.meta.dirname, '..', '..');

/** Compiled sources in a folder of their own, so that plain Node runs them in processes that a test may kill. */
export interface CompiledSource {
  /** Runs `program`, a module that may import `./out/<path in src>.js`, and kills it −9 after `ms`. Answers the whole lines that it wrote. */
  runAndKill(program: string, args: readonly string[], ms: number): Promise<string[]>;
  dispose(): void;
}

/** Compiles the named files of `src` and what they import. */
export function compileSource(files: readonly string[]): CompiledSource {
  const folder = mkdtempSync(join(tmpdir(), 'satchel-compiled-'));
  const config = {
    extends: join(REPOSITORY, 'tsconfig.json'),
    compilerOptions: {
      rootDir: join(REPOSITORY, 'src'),
      outDir: join(folder, 'out'),
      noEmit: false,
      typeRoots: [join(REPOSITORY, 'node_modules/@types')],
    },
    include: [],
    files: files.map((file) => join(REPOSITORY, 'src', file)),
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  const compiled = spawnSync(process.execPath, [join(REPOSITORY, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' });
  if (compiled.status !== 0) throw new Error(`does not compile: ${compiled.stdout}${compiled.stderr}`);

  return {
    runAndKill(program, args, ms) {
      const path = join(folder, 'program.js');
      writeFileSync(path, program);
      return new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
        let written = '';
        let errors = '';
        let timer: NodeJS.Timeout | undefined;
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          timer ??= setTimeout(() => child.kill('SIGKILL'), ms); // counted from its first line
          written += text;
        });
        child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
        child.on('error', reject);
        child.on('close', (_, signal) => {
          clearTimeout(timer);
          if (signal === 'SIGKILL') resolve(written.split('\n').slice(0, -1));
          else reject(new Error(`ended by itself: ${errors}`));
        });
      });
    },
    dispose: () => rmSync(folder, { recursive: true }),
  };
}
