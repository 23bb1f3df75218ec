import { chosenPlace, type ProjectChoice } from '../../kinds/claude-mem/project-choice.ts';
import type { RowScope } from '../sqlite-rows/row-scope.ts';

/** The names of claude-mem's rows that a space has. */
export interface RowNames {
  readonly space: string;
  /** Takes in what changed. Another number where it did. */
  refresh(): Promise<number>;
  has(name: string): boolean;
  readonly size: number;
}

/** Ends the reason of rows that nobody chose to leave where they are. */
export const TORN = 'which go to different places';

export interface ProjectScopeDeps {
  /** The space that rows are captured for, by name. */
  readonly space: string;
  readonly choices: readonly ProjectChoice[];
  /** Of the spaces that rows came from here which nobody chose a place for: `others` have theirs, and `own` has its own. */
  readonly others: () => readonly RowNames[];
  /** `null`: whatever is not elsewhere is of this space. */
  readonly own: RowNames | null;
}

/** Which rows of the one database belong to a space: what was chosen for their projects, else where they came from. */
export function createProjectScope({ space, choices, others, own }: ProjectScopeDeps): RowScope {
  return {
    async refresh() {
      let version = 0;
      let size = 0;
      for (const names of own === null ? others() : [own]) {
        version += await names.refresh();
        size += names.size;
      }
      return own === null && choices.length === 0 && size === 0 ? null : version;
    },
    judge(row, session) {
      const chosen = chosenPlace(choices, row, session);
      if (chosen.type === 'none') return { type: 'by-name' };
      if (chosen.type === 'torn')
        return {
          type: 'out',
          reason: `it is of project ${chosen.project}, and its session of ${chosen.session}, ${TORN}`,
        };
      if (chosen.space === space) return { type: 'in' };
      const reason = chosen.space === null ? 'stays on this machine' : `goes to the space ${chosen.space}`;
      return { type: 'out', reason: `project ${chosen.project} ${reason}` };
    },
    judgeName(name, isShown) {
      // What went from the space since is to go from here as well.
      if (own !== null) return isShown || own.has(name) ? null : `nobody chose that its project goes to the space ${space}`;
      const holder = others().find((names) => names.has(name));
      return holder === undefined ? null : `it is a row of the space ${holder.space}`;
    },
  };
}
