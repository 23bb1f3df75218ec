import type { Project } from '../../kinds/claude-home/project.ts';
import type { ProjectAlias } from '../../kinds/claude-home/project-alias.ts';

/** The projects that a space knows, whichever machine told of them. */
export interface ProjectRegistry {
  /** By id. O(1) while nothing changed. */
  projects(): Promise<ReadonlyMap<string, Project>>;
  /** Adds aliases to a project, which is made if it is new. */
  add(id: string, aliases: readonly ProjectAlias[]): Promise<void>;
}
