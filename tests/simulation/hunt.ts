import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Find {
  readonly seed: number;
  readonly message: string;
}

/** Runs the simulation on code with one mistake in it, in a process of its own. `null`: no seed up to `most` finds it. */
export async function hunt(mutation: string, most: number): Promise<Find | null> {
  const folder = await mkdtemp(join(tmpdir(), 'satchel-mutation-'));
  try {
    const report = join(folder, 'report.json');
    const env = { ...process.env, SATCHEL_SIM_MUTATION: mutation, SATCHEL_SIM_SEEDS: String(most), SATCHEL_SIM_REPORT: report };
    const args = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'vitest.mutation.config.ts'];
    await promisify(execFile)(process.execPath, args, { cwd: ROOT, env, maxBuffer: 64 * 1024 * 1024 });
    return await readFile(report, 'utf8')
      .then((text) => JSON.parse(text) as Find)
      .catch(missing);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function missing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}
