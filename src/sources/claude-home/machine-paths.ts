import type { Project } from '../../kinds/claude-home/project.ts';
import type { ProjectAlias } from '../../kinds/claude-home/project-alias.ts';

/** What this machine says about the folders that somebody works in. */
export interface MachinePaths {
  /** By what a folder (absolute, links resolved) is recognised elsewhere: the best first, one at least. */
  aliasesOf(path: string): Promise<readonly ProjectAlias[]>;
  /** Where a project is on this machine, links resolved; `null`: nowhere that is known. Answers may be some seconds old. */
  placeOf(project: Project): Promise<string | null>;
  /** The folder whose sessions Claude Code keeps under this name, as its own files tell; `null`: they do not. */
  pathOf(folder: string): Promise<string | null>;
}
