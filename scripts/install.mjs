import { lstat, readdir, readFile, readlink, rm, unlink } from 'node:fs/promises';
import path from 'node:path';
import { alone } from './alone.mjs';
import { sayAbove, showInstalling, wantedPackages } from './install-progress.mjs';
import { ensureNative, forgetLoaded, isKnownToLoad, tryNative } from './native.mjs';
import { listOfInstalled, npmInstall, npmOf } from './npm-install.mjs';

const UNFINISHED = 'the last installation did not end: from the beginning';

/**
 * Installs what package-lock.json asks for, where it is not there: after a clone, after a pull that changed the lock
 * file, after an interrupted install, and after a change of Node's ABI (better-sqlite3 is native). Else does nothing,
 * at the cost of reading three files. One process does it at a time, the others wait.
 */
export async function ensureInstalled(root) {
  const isDone = async () => (await whyInstall(root)) === null && (await isKnownToLoad(root));
  if (await isDone()) return;
  const isEnough = async () => (await whyInstall(root)) === null && (await tryNative(root)).error === null;
  await alone(root, 'install', 'installs the packages here', isEnough, async (holdFor) => {
    if (await isDone()) return;
    const npm = npmOf(holdFor);
    await install(root, { what: 'packages' }, npm);
    if ((await linkOf(root)) !== null && (await tryNative(root)).error !== null) {
      await leaveLinked(root);
      await install(root, { what: 'packages' }, npm);
    }
    await ensureNative(root, npm);
  });
}

/**
 * Installs the services that tests start (PostgreSQL, Azurite …) in `tests/services`: a package of its own, since what
 * runs Satchel needs none of its 250 MB.
 */
export async function ensureServices(root) {
  const folder = path.join(root, 'tests', 'services');
  const isDone = async () => (await whyInstall(folder)) === null;
  if (await isDone()) return;
  const what = 'packages of the services that the tests bring';
  await alone(folder, 'install', `installs the ${what}`, isDone, (holdFor) =>
    install(folder, { what, short: 'of the services' }, npmOf(holdFor)),
  );
}

/** Installs where there is something to install in the package in `folder`. `short`: `what`, in the line that says how far it is. */
async function install(folder, { what, short = what }, npm) {
  const reason = await whyInstall(folder);
  if (reason === null) return;
  const wanted = wantedPackages(await readJson(path.join(folder, 'package-lock.json')));
  sayAbove(`Installing ${wanted.length} ${what} (${reason}). That is done once, and can take minutes …`);
  await leaveLinked(folder);
  await forgetLoaded(folder);
  // npm takes for whole what an interrupted npm had unpacked half of.
  if (reason === UNFINISHED) await removePackages(folder);
  const stop = showInstalling(folder, wanted, { what: short });
  const code = await npmInstall(folder, npm).finally(stop);
  if (code !== 0) throw new Error(`npm install failed with exit code ${code}; see its message above`);
}

/** A reason for people, or null where the installed packages are those of the lock file. */
export async function whyInstall(root) {
  const wanted = await readJson(path.join(root, 'package-lock.json'));
  if (wanted === null) throw new Error(`${path.join(root, 'package-lock.json')} is missing: this is no complete checkout`);
  // npm writes this file last, and we take it away first: so it is missing after an interrupted install.
  const installed = await readJson(listOfInstalled(root));
  if (installed === null) return (await inPackages(root)).some((name) => !name.startsWith('.')) ? UNFINISHED : 'none are here yet';
  for (const [name, entry] of Object.entries(wanted.packages)) {
    if (name === '') continue;
    const found = installed.packages[name];
    // Optional packages are those of other platforms, mostly.
    if (found === undefined ? !entry.optional && !entry.link : found.version !== entry.version)
      return `${name.slice('node_modules/'.length)} changed`;
  }
  return null;
}

/**
 * Where `node_modules` is a link to the packages of another clone, these are used as long as they are the right ones, and never
 * changed: before anything is, the link is taken away, so that this clone gets packages of its own.
 */
async function leaveLinked(folder) {
  const target = await linkOf(folder);
  if (target === null) return;
  const link = path.join(folder, 'node_modules');
  await unlink(link);
  sayAbove(`${link} is a link to ${target}, which stays as it is: this clone gets packages of its own`);
}

/** What `node_modules` is a link to, or null. */
async function linkOf(folder) {
  const link = path.join(folder, 'node_modules');
  const found = await lstat(link).catch(ignoreMissing);
  return found?.isSymbolicLink() ? await readlink(link) : null;
}

async function removePackages(folder) {
  for (const name of await inPackages(folder)) await rm(path.join(folder, 'node_modules', name), { recursive: true, force: true });
}

async function inPackages(folder) {
  return (await readdir(path.join(folder, 'node_modules')).catch(ignoreMissing)) ?? [];
}

async function readJson(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

function ignoreMissing(error) {
  if (error.code !== 'ENOENT') throw error;
}
