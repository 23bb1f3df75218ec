import type { Row } from '../rows/row-body.ts';

/** Where the rows of claude-mem's projects go from this machine, other than to the personal space. The first that fits counts. */
export interface ProjectChoice {
  /** A project as claude-mem names it; `*` stands for any characters. */
  readonly project: string;
  /** The name of a space; `null`: nowhere. */
  readonly space: string | null;
}

/** What was chosen for a row: `undefined` for nothing, else the space, or `null` for this machine alone. */
export type ChosenPlace =
  | { readonly type: 'none' }
  | { readonly type: 'place'; readonly space: string | null; readonly project: string }
  /** It and its session are of projects that go to different places: it stays. */
  | { readonly type: 'torn'; readonly project: string; readonly session: string };

/**
 * A row goes where the project of its session goes, with all rows of that session. One that is of another project by itself, which was
 * chosen otherwise, stays on this machine: nothing of a project gets out with another.
 */
export function chosenPlace(choices: readonly ProjectChoice[], row: Row, session: Row | null): ChosenPlace {
  if (choices.length === 0) return { type: 'none' };
  const own = textOf(row, 'project');
  const whole = textOf(session ?? row, 'project') ?? own;
  const merged = textOf(row, 'merged_into_project');
  for (const project of [own, merged, whole]) {
    if (project !== null && choiceFor(choices, project)?.space === null) return { type: 'place', space: null, project };
  }
  const place = whole === null ? undefined : choiceFor(choices, whole);
  if (whole !== null && own !== null && choiceFor(choices, own)?.space !== place?.space)
    return { type: 'torn', project: own, session: whole };
  return place === undefined || whole === null ? { type: 'none' } : { type: 'place', space: place.space, project: whole };
}

export function choiceFor(choices: readonly ProjectChoice[], project: string): ProjectChoice | undefined {
  return choices.find((choice) => isMeant(choice, project));
}

/** What is to stay is meant in whatever case; what is to be shared as it is written. */
function isMeant({ project: pattern, space }: ProjectChoice, project: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`, space === null ? 'isu' : 'su').test(project);
}

function textOf(row: Row, column: string): string | null {
  const value = row.get(column);
  return typeof value === 'string' ? value : null;
}
