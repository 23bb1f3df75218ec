import { stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { sessionOf } from '../../kinds/claude-home/session-name.ts';
import type { SatchelNode } from '../node.ts';
import { listSessions, type ListedSession } from '../sessions/list-sessions.ts';
import { searchSessions, type SessionHit } from '../sessions/search-sessions.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface SessionsResult {
  readonly sessions: readonly SessionHit[];
  /** How many match, listed or not. */
  readonly total: number;
  /** Whose text could not be searched, since it cannot be had now. */
  readonly unsearched: number;
}

export const sessionsOperation = defineOperation({
  input: z.strictObject({
    /** Words that all occur in it, whatever their case: in what is listed of it, or (also as the beginning of a longer one) in what was said there. */
    search: z.string().max(1024).default(''),
    limit: z.number().int().min(1).max(10_000).default(50),
  }),
  async run(node, { search, limit }, context): Promise<SessionsResult> {
    const words = [...new Set(search.toLowerCase().split(/\s+/))].filter((word) => word !== '');
    const listed = await listSessions(node, (done, total) => context.progress(done, total, 'sessions'));
    return searchSessions(node, listed, words, limit, context);
  },
});

export interface RestoredSession {
  readonly id: string;
  /** Where to run `claude --resume`. */
  readonly folder: string;
  readonly file: string;
}

/** Puts a session's files in place again, as fresh as if it had just been used: neither age nor a deletion took it away. */
export const restoreSessionOperation = defineOperation({
  input: z.strictObject({ session: z.string().min(4).max(64) }),
  async run(node, { session }): Promise<RestoredSession> {
    const { entry, source, state } = await findSession(node, session);
    const places = await source.projects?.places();
    const local = places?.toLocal(state.item.name);
    if (local?.ok !== true || entry.folder === null)
      throw new OperationFailure(
        'usage',
        'no-place',
        `its project has no folder on this machine: ${entry.project}`,
        `Run: satchel projects map ${entry.project} FOLDER`,
      );
    const views = await source.workspace.views([local.value, local.value.replace(/\.jsonl$/, ''), 'todos', 'tasks', 'file-history']);
    const gone = [...views.values()].filter((view) => sessionOf(view.item.name) === entry.id && view.notHere !== null);
    if (gone.length > 0) await source.workspace.applied(gone.map(({ item }) => ({ item, content: null, local: null })));
    const report = await source.source.apply();
    const file = path.join(source.definition.root, local.value);
    if ((await stat(file).catch(() => null)) === null) {
      const waiting = report.waiting.find(({ name }) => name === local.value);
      throw new OperationFailure('unreachable', 'not-restored', waiting?.reason ?? 'it could not be put in place', 'Run: satchel sync');
    }
    const now = new Date(node.deps.clock.now());
    await utimes(file, now, now);
    return { id: entry.id, folder: entry.folder, file };
  },
});

async function findSession(node: SatchelNode, wanted: string): Promise<ListedSession> {
  const found = (await listSessions(node)).filter(({ entry }) => entry.id.startsWith(wanted.toLowerCase()));
  if (found[0] === undefined)
    throw new OperationFailure('usage', 'no-such-session', `there is no session of that id: ${wanted}`, 'Run: satchel sessions');
  if (found.length > 1)
    throw new OperationFailure('usage', 'ambiguous-session', `more than one session begins with ${wanted}`, 'Use more characters');
  return found[0];
}
