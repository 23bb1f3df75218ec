import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { clientOf } from '../../gateways/mneme/client.ts';
import { createProjectFiles, type ProjectFiles } from '../../gateways/mneme/project-files.ts';
import { Refusal } from '../../gateways/mneme/refusal.ts';
import { BODY_BYTES, type SyncedFile } from '../../gateways/mneme/schema.ts';
import type { ProjectSpaces } from '../../gateways/mneme/spaces.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { MNEME_FILES, RENDERED_FILE, type MnemeProject } from '../../kinds/mneme/names.ts';
import { fileProblem } from '../../kinds/mneme/file-problem.ts';

export interface ImportedProjects {
  readonly projects: number;
  /** Files that were taken, or that had been before. */
  readonly files: number;
  /** Of these, those that were not here, and those that said something that was not here. */
  readonly added: number;
  readonly changed: number;
  /** Those that were left alone, and why. Nothing is ever changed where they lie. */
  readonly bad: readonly { readonly file: string; readonly reason: string }[];
}

/** Whoever imports is a client like others: what it brought before is what it was shown. */
const IMPORTER = clientOf('import', 'import');

/**
 * Takes over what the first server kept: each folder in `projects` is a project by its name, merged by entry with what is here. Safe
 * to repeat: what did not change there since says nothing new. Cost: O(bytes).
 */
export async function importProjects(deps: {
  readonly spaces: ProjectSpaces;
  readonly clock: Clock;
  /** Holds `projects`. */
  readonly folder: string;
  readonly onProgress: (done: number, total: number) => void;
}): Promise<ImportedProjects> {
  const root = path.join(deps.folder, 'projects');
  const files = createProjectFiles(deps);
  const report = { projects: 0, files: 0, added: 0, changed: 0, bad: [] as { file: string; reason: string }[] };
  try {
    const entries = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    for (const [index, { name }] of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)).entries()) {
      deps.onProgress(index, entries.length);
      let [taken, hasSummary] = [0, false];
      // What is rendered from another file is taken only where that is not there.
      for (const file of [...MNEME_FILES, RENDERED_FILE] as const) {
        if (file === RENDERED_FILE && hasSummary) continue;
        const outcome = await importFile(path.join(root, name, file), file, async (body) => {
          const project = await deps.spaces.projectOf(name, true);
          const before = await bodyOf(files, project, file);
          await files.push(project, file, body, IMPORTER);
          if (before === null) report.added += 1;
          else if (before !== (await bodyOf(files, project, file))) report.changed += 1;
        });
        if (file === 'summary.json') hasSummary = outcome !== 'none';
        if (outcome === 'taken') taken += 1;
        else if (outcome !== 'none') report.bad.push({ file: path.join(name, file), reason: outcome.reason });
      }
      report.files += taken;
      report.projects += taken > 0 ? 1 : 0;
    }
    deps.onProgress(entries.length, entries.length);
    return report;
  } finally {
    await files.close();
  }
}

/** As it is served. */
async function bodyOf(files: ProjectFiles, project: MnemeProject, file: SyncedFile): Promise<string | null> {
  const sent = await files.read(project, file, null);
  return sent === null ? null : (JSON.parse(Buffer.from(sent.answer).toString('utf8')) as { content: string }).content;
}

async function importFile(
  place: string,
  file: SyncedFile,
  take: (body: Uint8Array) => Promise<void>,
): Promise<'taken' | 'none' | { readonly reason: string }> {
  try {
    const found = await stat(place);
    if (!found.isFile()) return { reason: 'is no file' };
    if (found.size > BODY_BYTES) return { reason: `has ${found.size} bytes; at most ${BODY_BYTES} are taken` };
    const body = await readFile(place);
    const problem = fileProblem(file, body);
    if (problem !== null) return { reason: problem };
    await take(body);
    return 'taken';
  } catch (error) {
    if (error instanceof Refusal) return { reason: error.message };
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'none';
    if (code === 'EACCES' || code === 'ENOTDIR' || code === 'ELOOP') return { reason: `cannot be read: ${code}` };
    throw error;
  }
}
