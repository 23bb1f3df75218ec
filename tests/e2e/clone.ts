import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { Terminal } from './terminal.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const PARTS = ['package.json', 'package-lock.json', 'tsconfig.json', 'scripts', 'src', 'README.md', 'LICENSE'];

/** The repository as a clone has it, and an empty home: what a new user begins with. */
export class Clone {
  readonly folder: string;
  readonly home: string;
  readonly #root: string;
  readonly #terminals: Terminal[] = [];

  /** `installed`: with the packages that are installed here, so that only the program is built. */
  constructor(root: string, { installed, from = repository }: { readonly installed: boolean; readonly from?: string }) {
    this.#root = root;
    this.folder = mkdtempSync(path.join(root, 'clone-'));
    this.home = mkdtempSync(path.join(root, 'home-'));
    // With their times: a build is known to be of these sources by them.
    execFileSync('cp', ['-a', ...PARTS.map((part) => path.join(from, part)), this.folder]);
    if (installed) symlinkSync(path.join(repository, 'node_modules'), path.join(this.folder, 'node_modules'));
    mkdirSync(path.join(this.home, '.claude'));
  }

  /** The same with an empty home, and what was built here so far. */
  copy(): Clone {
    const copy = new Clone(this.#root, { installed: true, from: this.folder });
    const dist = path.join(this.folder, 'dist');
    if (existsSync(dist)) execFileSync('cp', ['-a', dist, copy.folder]);
    return copy;
  }

  get env(): NodeJS.ProcessEnv {
    // npm's own settings say where packages come from; its caches stay out of the home that is looked at.
    const npm = Object.entries(process.env).filter(([name]) => /^npm_config_/i.test(name));
    const settings = {
      npm_config_userconfig: path.join(process.env['HOME'] ?? '/', '.npmrc'),
      npm_config_cache: path.join(this.folder, '.npm-cache'),
    };
    return {
      ...Object.fromEntries(npm),
      ...settings,
      npm_config_update_notifier: 'false',
      PATH: process.env['PATH'],
      HOME: this.home,
      SATCHEL_PORT: '0',
    };
  }

  /** `npm start [-- args]` on a terminal. */
  npmStart(...args: readonly string[]): Terminal {
    const terminal = new Terminal(['npm', 'start', ...(args.length === 0 ? [] : ['--', ...args])], { env: this.env, cwd: this.folder });
    this.#terminals.push(terminal);
    return terminal;
  }

  async close(): Promise<void> {
    await Promise.all(this.#terminals.map((terminal) => terminal.close()));
  }
}
