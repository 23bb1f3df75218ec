import type { Replica } from '../../core/replica/replica.ts';
import type { MnemeProject } from '../../kinds/mneme/names.ts';

/** Where a project's files are kept. */
export interface ProjectPlace {
  readonly replica: Replica;
  readonly project: MnemeProject;
}

/** Which project a client means, and which space holds it. */
export interface ProjectSpaces {
  /** The project by the id that a client gave; throws Refusal where there can be none. `isUsed`: what is found out of it may be noted. */
  projectOf(projectId: string, isUsed: boolean): Promise<MnemeProject>;
  /** The space that holds it; `null` where none does yet. Changes nothing. */
  find(project: MnemeProject): Promise<Replica | null>;
  /** The same, made where it is missing. */
  make(project: MnemeProject): Promise<Replica>;
}
