import { createHash } from 'node:crypto';
import { link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { alone } from './alone.mjs';
import { run } from './run.mjs';

const STAMP = '.build-stamp';
const OLD = '-old';

/** What a node that runs since before may still load. */
const KEPT_DAYS = 30;

/**
 * Builds dist/ where a source changed since (told by names, sizes and times). The new build is made beside the old one
 * and takes its place as a whole, so a running node or a second `npm start` never sees half of one; the parts of earlier
 * builds, whose names differ, stay beside it for a while, since a running node loads some of its own later. One process
 * builds at a time, the others wait.
 */
export async function ensureBuilt(root) {
  const isDone = async () => (await builtFrom(root)) === (await sourceState(root));
  if (await isDone()) return;
  await alone(root, 'build', 'builds the program', isDone, async (holdFor) => {
    await clearAfterKilled(root);
    if (!(await isDone())) await build(root, holdFor);
  });
}

async function build(root, holdFor) {
  const dist = path.join(root, 'dist');
  const state = await sourceState(root);
  process.stderr.write('Building …\n');
  const fresh = path.join(root, `.dist-${process.pid}`);
  const old = `${fresh}${OLD}`;
  try {
    const args = [path.join(root, 'scripts', 'bundle-into.mjs'), root, fresh];
    const code = await run(process.execPath, args, { stdout: 'stderr', onStart: holdFor });
    if (code !== 0) throw new Error('Satchel does not build; see the messages above');
    await keepParts(path.join(dist, 'cli'), path.join(fresh, 'cli'));
    await writeFile(path.join(fresh, STAMP), state);
    await rename(dist, old).catch(ignoreMissing);
    await rename(fresh, dist);
  } finally {
    await rm(fresh, { recursive: true, force: true });
    await rm(old, { recursive: true, force: true });
  }
}

/** What builds left that were killed; with the build before, where it was taken away and the new one not yet put there. */
async function clearAfterKilled(root) {
  const names = await readdir(root);
  for (const name of names.filter((one) => one.startsWith('.dist-'))) {
    if (name.endsWith(OLD) && !names.includes('dist')) await rename(path.join(root, name), path.join(root, 'dist'));
    else await rm(path.join(root, name), { recursive: true, force: true });
  }
}

/** The state of the sources that dist/ was built from, or null; also where its program is not there. */
async function builtFrom(root) {
  const dist = path.join(root, 'dist');
  const [stamp] = await Promise.all([readFile(path.join(dist, STAMP), 'utf8'), stat(path.join(dist, 'cli', 'main.js'))]).catch(() => [
    null,
  ]);
  return stamp;
}

/** Links what an earlier build has and this one has not. */
export async function keepParts(from, to) {
  const parts = await readdir(from).catch((error) => ignoreMissing(error) ?? []);
  const oldest = Date.now() - KEPT_DAYS * 86_400_000;
  for (const part of parts) {
    if (!part.endsWith('.js') || (await stat(path.join(from, part))).mtimeMs < oldest) continue;
    await link(path.join(from, part), path.join(to, part)).catch((error) => {
      if (error.code !== 'EEXIST') throw error; // the same in both, or this build's own
    });
  }
}

/** Compiles a TypeScript project into `outDir`; its errors go to stderr, and it throws. */
export async function compile(root, project, outDir) {
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const code = await run(process.execPath, [tsc, '-p', path.join(root, project), '--outDir', outDir], { stdout: 'stderr' });
  if (code !== 0) throw new Error(`${project} does not build; see the messages above`);
}

async function sourceState(root) {
  const hash = createHash('sha256');
  const files = ['package.json', 'package-lock.json', 'scripts/bundle.mjs', 'scripts/bundle-into.mjs'];
  for (const entry of await readdir(path.join(root, 'src'), { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) files.push(path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)));
  }
  for (const file of files.toSorted()) {
    const { size, mtimeMs } = await stat(path.join(root, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function ignoreMissing(error) {
  if (error.code !== 'ENOENT') throw error;
}
