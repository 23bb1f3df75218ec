import { stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { sessionOf } from '../../kinds/claude-home/session-name.ts';
import type { SatchelNode } from '../node.ts';
import { listSessions, type ListedSession, type SessionEntry } from '../sessions/list-sessions.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface SessionsResult {
  readonly sessions: readonly SessionEntry[];
  /** How many match, listed or not. */
  readonly total: number;
}

export const sessionsOperation = defineOperation({
  input: z.strictObject({
    /** Words that all occur in its id, title, prompts, project, folder or machine, whatever their case. */
    search: z.string().max(1024).default(''),
    limit: z.number().int().min(1).max(10_000).default(50),
  }),
  async run(node, { search, limit }, { progress }): Promise<SessionsResult> {
    const words = search.toLowerCase().split(/\s+/);
    const found = (await listSessions(node, (done, total) => progress(done, total, 'sessions')))
      .map(({ entry }) => entry)
      .filter((entry) => words.every((word) => mentions(entry, word)));
    return { sessions: found.slice(0, limit), total: found.length };
  },
});

function mentions(entry: SessionEntry, word: string): boolean {
  const { id, title, first_prompt: first, last_prompt: last, project, folder, machine } = entry;
  return [id, title, first, last, project, folder, machine].some((text) => text?.toLowerCase().includes(word) === true);
}

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
