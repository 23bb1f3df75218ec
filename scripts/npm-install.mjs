import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run.mjs';

// Not `npm ci`, which would take all packages away first: what changed is installed exactly as the lock file names it,
// and the file itself stays as it is.
const INSTALL = ['install', '--no-save', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error', '--progress=false'];

/**
 * npm as it called us, or the one of the path; resolves to its exit code. `holdFor` gets its process's number: it goes on
 * where this process is killed, and must then be waited for.
 */
export function npmOf(holdFor) {
  const script = process.env.npm_execpath;
  const options = { stdout: 'stderr', onStart: holdFor };
  return (args) => (script ? run(process.execPath, [script, ...args], options) : run('npm', args, options));
}

/**
 * Installs what is missing in `folder`; resolves to npm's exit code. npm's list of what is installed is not there
 * meanwhile: npm writes it last, so it is missing wherever an installation was killed.
 */
export async function npmInstall(folder, npm) {
  const list = listOfInstalled(folder);
  const before = `${list}.before`;
  await rename(list, before).catch(ignoreMissing);
  const code = await npm([...INSTALL, '--prefix', folder]);
  // npm puts things back as they were where it failed, not where a signal ended it.
  if (code !== 0 && code < 128) await rename(before, list).catch(ignoreMissing);
  await rm(before, { force: true });
  return code;
}

export function listOfInstalled(folder) {
  return path.join(folder, 'node_modules', '.package-lock.json');
}

function ignoreMissing(error) {
  if (error.code !== 'ENOENT') throw error;
}
