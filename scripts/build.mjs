import { createHash } from 'node:crypto';
import { link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run.mjs';

const STAMP = '.build-stamp';

/** What a node that runs since before may still load. */
const KEPT_DAYS = 30;

/**
 * Builds dist/ where a source changed since (told by names, sizes and times). The new build is made beside the old one
 * and takes its place as a whole, so a running node or a second `npm start` never sees half of one; the parts of earlier
 * builds, whose names differ, stay beside it for a while, since a running node loads some of its own later.
 */
export async function ensureBuilt(root) {
  const dist = path.join(root, 'dist');
  const state = await sourceState(root);
  const stamp = await readFile(path.join(dist, STAMP), 'utf8').catch(() => null);
  if (stamp === state) return;
  process.stderr.write('Building …\n');
  const fresh = path.join(root, `.dist-${process.pid}`);
  const old = path.join(root, `.dist-${process.pid}-old`);
  try {
    const code = await run(process.execPath, [path.join(root, 'scripts', 'bundle-into.mjs'), root, fresh], { stdout: 'stderr' });
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
