import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';

/** Does to `node_modules` what npm does, as long as a file named `hold` is there in the middle of it. */
const NPM = `
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
const folder = process.argv[process.argv.indexOf('--prefix') + 1];
const task = process.argv[2];
const log = (what) => appendFileSync(folder + '/npm.log', what + ' ' + process.pid + '\\n');
log(task);
const unpacked = [];
const packages = existsSync(folder + '/package-lock.json') ? ['better-sqlite3', '@toondepauw/node-zstd'] : [];
for (const name of task === 'install' ? packages : []) {
  const to = folder + '/node_modules/' + name;
  if (existsSync(to + '/package.json')) continue; // whole, as npm has it
  mkdirSync(to + '/build/Release', { recursive: true });
  writeFileSync(to + '/package.json', '{"main":"index.js"}');
  unpacked.push(to);
}
while (existsSync(folder + '/hold')) await sleep(20);
if (existsSync(folder + '/offline')) process.exit(1);
const index = "const file = __dirname + '/build/Release/better_sqlite3.node';" +
  "if (!require('fs').existsSync(file)) throw new Error('Could not locate the bindings file. Tried:');" +
  "require.cache[file] = module; module.exports = class { close() {} };";
for (const to of unpacked) writeFileSync(to + '/index.js', index);
const compiled = task === 'install' ? unpacked : [folder + '/node_modules/better-sqlite3'];
for (const to of existsSync(folder + '/no-compiler') ? [] : compiled) {
  mkdirSync(to + '/build/Release', { recursive: true });
  writeFileSync(to + '/build/Release/better_sqlite3.node', 'native');
}
if (task === 'install') writeFileSync(folder + '/node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/better-sqlite3': { version: '1.0.0' } } }));
log(task + 'ed');
`;

/** Does what scripts/bundle-into.mjs does, as long as a file named `hold` is there in the middle of it. */
const BUNDLE = `
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
const [root, dist] = process.argv.slice(2);
appendFileSync(root + '/bundle.log', 'bundle ' + process.pid + '\\n');
mkdirSync(dist + '/cli', { recursive: true });
while (existsSync(root + '/hold')) await sleep(20);
writeFileSync(dist + '/cli/main.js', 'built');
`;

/** A folder like a clone, with an npm and a bundler that do in no time what ours take minutes for. */
export async function makeClone() {
  const root = await mkdtemp(path.join(tmpdir(), 'satchel-clone-'));
  await chmod(root, 0o755);
  const npm = path.join(root, 'npm.mjs');
  const services = path.join(root, 'tests', 'services');
  for (const folder of ['scripts', 'src', 'tests/services']) await mkdir(path.join(root, folder), { recursive: true });
  const lock = JSON.stringify({ packages: { '': {}, 'node_modules/better-sqlite3': { version: '1.0.0' } } });
  for (const folder of [root, services]) await writeFile(path.join(folder, 'package-lock.json'), lock);
  await writeFile(path.join(root, 'package.json'), '{}');
  await writeFile(path.join(root, 'src', 'a.ts'), '');
  await writeFile(path.join(root, 'scripts', 'bundle.mjs'), '');
  await writeFile(path.join(root, 'scripts', 'bundle-into.mjs'), BUNDLE);
  await writeFile(npm, NPM);
  const started = [];

  const logOf = async (file) => (await readFile(path.join(root, file), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  return {
    root,
    write: (file, text = '') => writeFile(path.join(root, file), text),
    remove: (file) => rm(path.join(root, file), { recursive: true, force: true }),
    read: (file) => readFile(path.join(root, file), 'utf8'),
    /** What npm did: `install`, `installed`, `rebuild` … */
    npmDid: async (file = 'npm.log') => (await logOf(file)).map((line) => line.split(' ')[0]),
    /** The process of the npm or the bundler that ran last, once there is one. */
    async pidOf(file, nth = 0) {
      await expect.poll(async () => (await logOf(file)).length).toBeGreaterThan(nth);
      return Number((await logOf(file))[nth].split(' ')[1]);
    },
    /** Runs one of the functions of scripts/, in a process of its own, and of its own group as from a terminal. */
    start(file, name, options = {}) {
      const url = pathToFileURL(path.join(import.meta.dirname, file)).href;
      const script = `import(${JSON.stringify(url)}).then((m) => m.${name}(${JSON.stringify(root)}))
        .then(() => console.error('DONE'), (error) => { console.error('FAILED: ' + error.message); process.exitCode = 1; });`;
      const env = { ...process.env, npm_execpath: npm };
      const child = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'ignore', 'pipe'], detached: true, ...options });
      started.push(child);
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
      const ended = new Promise((resolve) => {
        // Not `close`: what it started has its stderr, and may go on.
        child.once('exit', (code, signal) => setImmediate(() => resolve(signal ?? code)));
      });
      return {
        pid: child.pid,
        ended,
        said: () => said,
        says: (what) => expect.poll(() => said).toMatch(what),
        kill: (signal) => child.kill(signal),
        interruptGroup: () => process.kill(-Number(child.pid), 'SIGINT'),
      };
    },
    async close() {
      await rm(path.join(root, 'hold'), { force: true });
      await rm(path.join(services, 'hold'), { force: true });
      for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await rm(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}
