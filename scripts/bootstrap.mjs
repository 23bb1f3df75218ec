/**
 * What `npm test`, `npm start` and the others run: uses only what Node brings, since in a fresh clone nothing is
 * installed yet.
 */
import { rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ensureBuilt, compile } from './build.mjs';
import { check } from './check.mjs';
import { ensureInstalled, ensureServices } from './install.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const TASKS = {
  /** npm start [-- COMMAND …]: `satchel up`, or the command given. Runs in this process, so the terminal is its own. */
  async start(args) {
    await ensureBuilt(root);
    const main = path.join(root, 'dist', 'cli', 'main.js');
    process.argv = [process.execPath, main, ...startArguments(args)];
    await import(pathToFileURL(main).href);
  },
  async build() {
    await ensureBuilt(root);
  },
  async check(args) {
    process.exitCode = await check(root, args);
  },
  async 'check-long'(args) {
    const reporter = path.join(root, 'tests', 'setup', 'failures-at-once.ts');
    process.exitCode = await check(root, ['--config', path.join(root, 'vitest.long.config.ts'), `--reporter=${reporter}`, ...args]);
  },
  async demo(args) {
    await ensureBuilt(root);
    const demo = path.join(root, 'scripts', 'demo.mjs');
    process.argv = [process.execPath, demo, ...args];
    await import(pathToFileURL(demo).href);
  },
  async bench(args) {
    await ensureBuilt(root);
    const out = path.join(root, '.tmp', 'bench');
    await compile(root, 'tests/bench/tsconfig.json', out);
    if (args.includes('hub')) await bringServices(out);
    const main = path.join(out, 'tests', 'bench', 'main.js');
    process.argv = [process.execPath, main, ...args];
    await import(pathToFileURL(main).href);
  },
};

/** Tasks that start services. */
const WITH_SERVICES = ['check', 'check-long'];

/** Services beside the rest: npm compiles for a minute there, on one core. Throws once both have ended. */
async function ensureAll(task) {
  const work = [ensureInstalled(root), ...(WITH_SERVICES.includes(task) ? [ensureServices(root)] : [])];
  const failed = (await Promise.allSettled(work)).filter(({ status }) => status === 'rejected');
  if (failed.length > 0) throw new Error(failed.map(({ reason }) => reason.message).join('\n'));
}

/** What starts services looks for them beside itself. */
async function bringServices(out) {
  await ensureServices(root);
  const link = path.join(out, 'tests', 'services', 'node_modules');
  await rm(link, { force: true });
  await symlink(path.join(root, 'tests', 'services', 'node_modules'), link, 'dir');
}

/** Flags alone are flags of `up`; help and version are satchel's own. */
function startArguments(args) {
  const own = ['--help', '-h', '--version', '-V'];
  return args.length === 0 || (args[0].startsWith('-') && !own.includes(args[0])) ? ['up', ...args] : args;
}

const [task, ...args] = process.argv.slice(2);
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Satchel needs Node 20.19 or newer; this is ${process.versions.node}.\n`);
  process.exitCode = 1;
} else if (!Object.hasOwn(TASKS, task)) {
  process.stderr.write(`bootstrap: one of ${Object.keys(TASKS).join(', ')}\n`);
  process.exitCode = 2;
} else {
  try {
    await ensureAll(task);
    await TASKS[task](args);
  } catch (error) {
    process.stderr.write(`${task}: ${error.message}\n`);
    process.exitCode = 1;
  }
}
