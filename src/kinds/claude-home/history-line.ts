import { fromPortable, toPortable, type MachinePaths } from './path-tokens.ts';

/** Which project a folder of this machine is, and the reverse; `null` where there is none. */
export interface ProjectPaths {
  readonly idOf: (path: string) => string | null;
  readonly pathOf: (id: string) => string | null;
}

const PROJECT_KEY = /"project"\s*:\s*"((?:[^"\\]|\\.)*)"/g;
const PROJECT_TOKEN = /^\{\{satchel:project:([a-z0-9-]+)\}\}$/;

/** A line of history.jsonl as the space spells it: the folder that it was typed in is a project, or relative to the home. */
export function toSpaceLine(line: string, paths: MachinePaths, projects: ProjectPaths): string {
  return withProject(line, (path) => {
    const id = projects.idOf(path);
    return id === null ? toPortable(path, paths) : `{{satchel:project:${id}}}`;
  }) as string;
}

/** The line as this machine has it; `null` where its project has no place here. */
export function toLocalLine(line: string, paths: MachinePaths, projects: ProjectPaths): string | null {
  return withProject(line, (text) => {
    const id = PROJECT_TOKEN.exec(text)?.[1];
    return id === undefined ? fromPortable(text, paths) : projects.pathOf(id);
  });
}

/** The project that the space says it was typed in; `null` where it names none. */
export function projectOfLine(line: string): string | null {
  let project: string | null = null;
  withProject(line, (text) => {
    project = PROJECT_TOKEN.exec(text)?.[1] ?? null;
    return text;
  });
  return project;
}

/** When it was typed, in milliseconds since 1970; `null` where it does not say. */
export function timeOfLine(line: string): number | null {
  const digits = /"timestamp"\s*:\s*(\d{1,15})/.exec(line)?.[1];
  return digits === undefined ? null : Number(digits);
}

/**
 * All but the value stays byte for byte. A line without it, with several, or with one that another program spelled, stays
 * whole: what is typed cannot hold the bare key.
 */
function withProject(line: string, change: (value: string) => string | null): string | null {
  const found = [...line.matchAll(PROJECT_KEY)];
  const [match] = found;
  const raw = match?.[1];
  if (match === undefined || raw === undefined || found.length > 1) return line;
  const value = valueOf(raw);
  if (value === null) return line;
  const changed = change(value);
  if (changed === null) return null;
  const end = match.index + match[0].length - 1;
  return line.slice(0, end - raw.length) + spelled(changed) + line.slice(end);
}

/** Lines are strings of bytes (Latin-1), the text in them is UTF-8. */
function valueOf(raw: string): string | null {
  try {
    const value = JSON.parse(`"${Buffer.from(raw, 'latin1').toString('utf8')}"`) as string;
    return spelled(value) === raw ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function spelled(value: string): string {
  return Buffer.from(JSON.stringify(value).slice(1, -1)).toString('latin1');
}
