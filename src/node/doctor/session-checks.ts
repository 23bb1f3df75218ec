import { counted } from '../counted.ts';
import type { OpenSpace } from '../node.ts';
import { listProjects } from '../sessions/list-projects.ts';
import { passed, some, warned, type Check } from './check.ts';

/** Whether sessions wait for a folder here. O(transcripts). */
export async function checkSessions(open: OpenSpace): Promise<Check[]> {
  if (open.sources.every(({ projects }) => projects === null)) return [];
  const id = `projects:${open.entry.name}`;
  const all = await listProjects(open);
  const elsewhere = all.filter(({ folder }) => folder === null);
  if (elsewhere.length === 0) return [passed(id, 'every project has a folder on this machine', [counted(all.length, 'project')])];
  const sessions = elsewhere.reduce((sum, project) => sum + project.sessions, 0);
  return [
    warned(
      id,
      'low',
      `${counted(sessions, 'session is', 'sessions are')} not put in place here for want of a folder of the project on this machine`,
      'Clone or make it, or run: satchel projects map PROJECT FOLDER',
      some(elsewhere.map((project) => `${project.id} (${project.aliases.join(', ')}): ${counted(project.sessions, 'session')}`)),
    ),
  ];
}
