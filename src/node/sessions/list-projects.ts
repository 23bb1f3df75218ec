import { parseProjectName, sessionOf } from '../../kinds/claude-home/session-name.ts';
import { transcriptKind } from '../../kinds/jsonl/transcript.ts';
import type { OpenSpace } from '../node.ts';

export interface ProjectEntry {
  readonly id: string;
  readonly space: string;
  /** By what it is recognised on any machine. */
  readonly aliases: readonly string[];
  readonly sessions: number;
  /** Its folder on this machine; `null`: none, and nothing of it is put in place here. */
  readonly folder: string | null;
  /** Other folders here whose sessions belong to it. */
  readonly other_folders: readonly string[];
}

/** The projects of a space, by id. Cost: O(transcripts). */
export async function listProjects(open: OpenSpace): Promise<ProjectEntry[]> {
  const projects = open.sources.find((source) => source.projects !== null)?.projects ?? null;
  if (projects === null || (await open.replica.head()) === null) return [];
  const sessions = new Map<string, Set<string>>();
  for (const { item } of await open.replica.list({ kind: transcriptKind.id, prefix: 'projects/' })) {
    const [project, session] = [parseProjectName(item.name)?.folder, sessionOf(item.name)];
    if (project === undefined || session === null || session.startsWith('agent-')) continue;
    sessions.set(project, (sessions.get(project) ?? new Set()).add(session));
  }
  const known = await projects.registry.projects();
  const book = await projects.book();
  const bound = [...book.folders()];
  return [...new Set([...known.keys(), ...sessions.keys()])].sort().map((id) => {
    const place = book.placeOf(id);
    return {
      id,
      space: open.entry.name,
      aliases: known.get(id)?.aliases ?? [],
      sessions: sessions.get(id)?.size ?? 0,
      folder: place === undefined ? null : (book.folder(place)?.path ?? null),
      other_folders: bound.filter(([name, { project }]) => project === id && name !== place).map(([, { path }]) => path),
    };
  });
}
