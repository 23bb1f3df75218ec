/** A name in `projects/`, taken apart. */
export interface ProjectName {
  /** What stands behind `projects/`: a folder on a machine, a project's id in the space. */
  readonly folder: string;
  /** The session that it belongs to; `null` for what belongs to the project, like its memory. */
  readonly session: string | null;
  /** Behind the folder. */
  readonly rest: string;
}

const UUID = '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}';
/** Older versions keep the transcripts of subagents beside the sessions. */
const SESSION_IN_PROJECT = new RegExp(`^(${UUID}|agent-[0-9a-zA-Z]{1,64})(?:\\.jsonl$|/|$)`);
const SESSION_BESIDE = new RegExp(`^(?:todos/(${UUID})-|(?:tasks|file-history)/(${UUID})(?:/|$))`);

/** `null` for a name that does not stand under a folder in `projects/`. */
export function parseProjectName(name: string): ProjectName | null {
  if (!name.startsWith('projects/')) return null;
  const cut = name.indexOf('/', 'projects/'.length);
  if (cut === -1) return null;
  const rest = name.slice(cut + 1);
  return { folder: name.slice('projects/'.length, cut), session: SESSION_IN_PROJECT.exec(rest)?.[1] ?? null, rest };
}

/** The session that a name belongs to, wherever in the Claude home it stands. */
export function sessionOf(name: string): string | null {
  const beside = SESSION_BESIDE.exec(name);
  return beside?.[1] ?? beside?.[2] ?? parseProjectName(name)?.session ?? null;
}

/** The name of the same file of another session. */
export function withSession(name: string, from: string, to: string): string {
  const start = name.startsWith('projects/') ? name.indexOf('/', 'projects/'.length) + 1 : 0;
  return name.slice(0, start) + name.slice(start).replaceAll(from, to);
}
