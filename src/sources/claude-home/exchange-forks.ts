import type { Outstanding, Workspace } from '../../core/replica/workspace.ts';
import { parseProjectName, sessionOf } from '../../kinds/claude-home/session-name.ts';
import { transcriptKind } from '../../kinds/jsonl/transcript.ts';

/** Ours went on as `fork`, under another id, since theirs has the id of the session now. */
export interface ForkedSession {
  readonly project: string;
  readonly session: string;
  readonly fork: string;
}

/** The version that `forkName` gives its ids. */
const VERSION_8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8/;

/**
 * Sessions that went on here and elsewhere: what was shown of one is to be put in place anew under a fork's id, and
 * something else in its own place. O(outstanding).
 */
export function findForks(outstanding: readonly Outstanding[]): ForkedSession[] {
  const forks = new Map<string, string>();
  for (const { item, content, shown } of outstanding) {
    const parts = item.kind === transcriptKind.id ? parseProjectName(item.name) : null;
    if (parts?.session == null || content === null || shown !== null || !VERSION_8.test(parts.session)) continue;
    if (parts.rest === `${parts.session}.jsonl`) forks.set(`${parts.folder} ${content.digest}`, parts.session);
  }
  return outstanding.flatMap(({ item, content, shown }) => {
    const parts = forks.size > 0 && item.kind === transcriptKind.id ? parseProjectName(item.name) : null;
    if (parts?.session == null || content === null || shown === null || parts.rest !== `${parts.session}.jsonl`) return [];
    const fork = forks.get(`${parts.folder} ${shown.digest}`);
    return fork === undefined ? [] : [{ project: parts.folder, session: parts.session, fork }];
  });
}

/**
 * Forgets what was shown of a session and all that belongs to it, so that under whatever names its files stand next, nothing
 * of them counts as gone.
 */
export async function forgetShown(workspace: Workspace, { project, session }: Pick<ForkedSession, 'project' | 'session'>): Promise<void> {
  const own = `projects/${project}/${session}`;
  const views = await workspace.views([`${own}.jsonl`, own, `tasks/${session}`, `file-history/${session}`, 'todos']);
  const tied = [...views.values()].filter((view) => sessionOf(view.item.name) === session);
  await workspace.applied(tied.map(({ item }) => ({ item, content: null, local: null })));
}
