import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { MUTATIONS, type CodeMutation } from './mutations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Packages stay packages. */
const EXTERNAL = /^(?![./\0])(?!node:)/;

export interface Find {
  readonly seed: number;
  readonly message: string;
}

/** Runs the simulation on code with one mistake in it, in a process of its own. `null`: no seed up to `most` finds it. */
export async function hunt(mutation: string, most: number): Promise<Find | null> {
  const folder = await mkdtemp(join(tmpdir(), 'satchel-mutation-'));
  try {
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const program = join(folder, 'hunt.mjs');
    const { place = 'hub' } = await bundleWith(mutation, program);
    const report = join(folder, 'report.json');
    await promisify(execFile)(process.execPath, [program, String(most), report, place], { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
    return await readFile(report, 'utf8')
      .then((text) => JSON.parse(text) as Find)
      .catch(missing);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The simulation and the code under it as one file, with that mistake in it, which is given back. */
async function bundleWith(name: string, file: string): Promise<CodeMutation> {
  const mutation = MUTATIONS.find((each) => each.name === name);
  if (mutation === undefined) throw new Error(`there is no mutation ${name}`);
  const { from, to } = mutation;
  const mutated = join(ROOT, mutation.file);
  let isMade = false;
  const build = await rolldown({
    input: join(ROOT, 'tests/simulation/hunt.mutant.ts'),
    platform: 'node',
    external: EXTERNAL,
    plugins: [
      {
        name: 'one mistake',
        transform(code, id) {
          if (id !== mutated) return null;
          if (code.split(from).length !== 2) throw new Error(`${mutation.file} does not hold, once: ${from}`);
          isMade = true;
          return code.replace(from, () => to);
        },
      },
    ],
  });
  try {
    await build.write({ file, format: 'esm' });
  } finally {
    await build.close();
  }
  // Else the simulation would look for a mistake that is not there.
  if (!isMade) throw new Error(`${mutation.file} is no part of the simulation`);
  return mutation;
}

function missing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}
