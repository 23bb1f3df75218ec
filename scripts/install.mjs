import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { showInstalling, wantedPackages } from './install-progress.mjs';
import { capture, run } from './run.mjs';

/**
 * Installs what package-lock.json asks for, where it is not there: after a clone, after a pull that changed the lock
 * file, after an interrupted install, and after a change of Node's ABI (better-sqlite3 is native). Else does nothing,
 * at the cost of reading two files.
 */
export async function ensureInstalled(root) {
  if (!(await install(root, 'packages'))) return;
  await ensureNative(root, npm);
  await writeFile(abiFile(root), process.versions.modules);
}

/**
 * Installs the services that tests start (PostgreSQL, Azurite …) in `tests/services`: a package of its own, since what
 * runs Satchel needs none of its 250 MB.
 */
export async function ensureServices(root) {
  await install(path.join(root, 'tests', 'services'), 'packages of the services that the tests bring');
}

/** Resolves to whether there was something to install in the package in `folder`. */
async function install(folder, what) {
  const reason = await whyInstall(folder);
  if (reason === null) return false;
  const wanted = wantedPackages(await readJson(path.join(folder, 'package-lock.json')));
  process.stderr.write(`Installing ${wanted.length} ${what} (${reason}). That is done once, and can take minutes …\n`);
  // Not `npm ci`, which would take all packages away first: what changed is installed exactly as the lock file names it,
  // and the file itself stays as it is.
  const args = [
    'install',
    '--no-save',
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--progress=false',
    '--prefix',
    folder,
  ];
  const stop = showInstalling(folder, wanted);
  const code = await npm(args).finally(stop);
  if (code !== 0) throw new Error(`npm install failed with exit code ${code}; see its message above`);
  return true;
}

function npm(args) {
  const script = process.env.npm_execpath;
  return script ? run(process.execPath, [script, ...args], { stdout: 'stderr' }) : run('npm', args, { stdout: 'stderr' });
}

/** npm counts a native package as installed also where it was compiled for another Node: it is compiled again then. */
export async function ensureNative(root, runNpm) {
  if (!(await opensDatabase(root))) {
    const code = await runNpm(['rebuild', 'better-sqlite3', '--loglevel=error', '--prefix', root]);
    if (code !== 0 || !(await opensDatabase(root)))
      throw new Error(`better-sqlite3 does not work with Node ${process.versions.node}, see above; Node 22 is known to work`);
  }
  if (await mayAbort(root))
    process.stderr.write(
      `better-sqlite3 was compiled here against headers of a Node (24.20 or newer) with which it now and then aborts when\n` +
        `a database is collected. Nothing is lost by that. To be rid of it use Node 22, or older headers of the same Node:\n` +
        `npm rebuild better-sqlite3 --build-from-source --target=24.18.0\n`,
    );
}

async function opensDatabase(root) {
  const script = `new (require(${JSON.stringify(path.join(root, 'node_modules', 'better-sqlite3'))}))(':memory:').close()`;
  return (await capture(process.execPath, ['-e', script])).code === 0;
}

/** What the package calls only by way of node_object_wrap.h as it is since Node 24.20, whose destructor needs a context. */
export async function mayAbort(root) {
  const file = path.join(root, 'node_modules', 'better-sqlite3', 'build', 'Release', 'better_sqlite3.node');
  const binary = await readFile(file).catch(() => null);
  return binary?.includes('RemoveEnvironmentCleanupHook') ?? false;
}

/** A reason for people, or null where the installed packages are those of the lock file. */
export async function whyInstall(root) {
  const wanted = await readJson(path.join(root, 'package-lock.json'));
  if (wanted === null) throw new Error(`${path.join(root, 'package-lock.json')} is missing: this is no complete checkout`);
  // npm writes this file last, so it is missing after an interrupted install.
  const installed = await readJson(path.join(root, 'node_modules', '.package-lock.json'));
  if (installed === null) return 'none are here yet';
  for (const [name, entry] of Object.entries(wanted.packages)) {
    if (name === '') continue;
    const found = installed.packages[name];
    // Optional packages are those of other platforms, mostly.
    if (found === undefined ? !entry.optional && !entry.link : found.version !== entry.version)
      return `${name.slice('node_modules/'.length)} changed`;
  }
  const abi = await readFile(abiFile(root), 'utf8').catch(() => null);
  if (abi !== null && abi !== process.versions.modules) return 'Node changed';
  if (abi === null) await writeFile(abiFile(root), process.versions.modules);
  return null;
}

function abiFile(root) {
  return path.join(root, 'node_modules', '.satchel-node-abi');
}

async function readJson(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}
