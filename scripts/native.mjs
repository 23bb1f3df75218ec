import { readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { npmInstall } from './npm-install.mjs';
import { capture } from './run.mjs';

/** What the program loads that is not JavaScript. */
const NATIVE = ['better-sqlite3', '@toondepauw/node-zstd'];
const TRIED = `for (const name of process.argv.slice(1)) {
  const loaded = require(name);
  if (name.endsWith('better-sqlite3')) new loaded(':memory:').close();
}
console.log(JSON.stringify(Object.keys(require.cache).filter((file) => file.endsWith('.node'))));`;

/**
 * Whether the native packages were loaded once as they are here, by a Node of this ABI. Costs reading a small file and
 * looking at the files that it names.
 */
export async function isKnownToLoad(root) {
  const stamp = await readStamp(root);
  return stamp !== null && stamp.node === nodeHere() && sameFiles(stamp.files, await sizes(root, Object.keys(stamp.files)));
}

/** To be told before anything is changed: a killed installation is found out by there being no stamp. */
export async function forgetLoaded(root) {
  await rm(stampFile(root), { force: true });
}

/**
 * Loads the native packages, and writes down that they load. npm counts one as installed also where it was compiled for
 * another Node, or was not compiled to the end: it is compiled again then, and if that does not help, installed again.
 */
export async function ensureNative(root, npm) {
  let tried = await tryNative(root);
  let code = 0;
  if (tried.name !== null) await forgetLoaded(root);
  if (tried.name === 'better-sqlite3') {
    process.stderr.write(`better-sqlite3 is not compiled yet, or for another Node: compiling it. That can take minutes …\n`);
    code = await npm(['rebuild', 'better-sqlite3', '--loglevel=error', '--prefix', root]);
    tried = await tryNative(root);
  }
  if (tried.name !== null) {
    process.stderr.write(`${tried.name} does not load: installing it again …\n`);
    const [folder] = tried.name.split('/'); // a scope holds the package's part for this platform too
    await rm(path.join(root, 'node_modules', folder), { recursive: true, force: true });
    code = await npmInstall(root, npm);
    tried = await tryNative(root);
  }
  if (tried.name !== null) throw new Error(whyNot(tried, code));
  await writeFile(stampFile(root), JSON.stringify({ node: nodeHere(), files: await sizes(root, tried.files) }));
  if (await mayAbort(root))
    process.stderr.write(
      `better-sqlite3 was compiled here against headers of a Node (24.20 or newer) with which it now and then aborts when\n` +
        `a database is collected. Nothing is lost by that. To be rid of it use Node 22, or older headers of the same Node:\n` +
        `npm rebuild better-sqlite3 --build-from-source --target=24.18.0\n`,
    );
}

/** `files` of those that load, or the package that does not and why. */
export async function tryNative(root) {
  const files = [];
  for (const name of NATIVE) {
    const { code, output } = await capture(process.execPath, ['-e', TRIED, '--', path.join(await packages(root), name)]);
    if (code !== 0) return { name, error: /^\w*Error: .*$/m.exec(output)?.[0] ?? `its process ended with ${code}`, files: [] };
    const base = await packages(root);
    files.push(...JSON.parse(output.trim().split('\n').at(-1)).map((file) => path.relative(base, file)));
  }
  return { name: null, error: null, files };
}

/** What the package calls only by way of node_object_wrap.h as it is since Node 24.20, whose destructor needs a context. */
export async function mayAbort(root) {
  const file = path.join(root, 'node_modules', 'better-sqlite3', 'build', 'Release', 'better_sqlite3.node');
  const binary = await readFile(file).catch(() => null);
  return binary?.includes('RemoveEnvironmentCleanupHook') ?? false;
}

function whyNot({ name, error }, code) {
  const ended = code === 0 ? '' : ` (npm ended with ${code}, see above)`;
  return (
    `${name} was installed and does not load with Node ${process.versions.node}${ended}: ${error}\n` +
    'Where that is mended, the same command goes on from here. Where it had to be compiled: that needs Python, make and a C++ compiler.\n' +
    'Node 22 is known to work.'
  );
}

function nodeHere() {
  return `${process.versions.modules} ${process.platform} ${process.arch}`;
}

async function sizes(root, files) {
  const base = await packages(root);
  const found = await Promise.all(files.map(async (file) => [file, await sizeOf(path.join(base, file))]));
  return Object.fromEntries(found);
}

function sameFiles(known, found) {
  return Object.entries(known).every(([file, size]) => found[file] === size);
}

async function sizeOf(file) {
  return await stat(file).then(
    ({ size }) => size,
    (error) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
      return null;
    },
  );
}

async function readStamp(root) {
  try {
    const stamp = JSON.parse(await readFile(stampFile(root), 'utf8'));
    return typeof stamp?.files === 'object' && stamp.files !== null ? stamp : null;
  } catch (error) {
    if (error.code !== 'ENOENT' && !(error instanceof SyntaxError)) throw error;
    return null;
  }
}

async function packages(root) {
  return await realpath(path.join(root, 'node_modules'));
}

function stampFile(root) {
  return path.join(root, 'node_modules', '.satchel-loads');
}
