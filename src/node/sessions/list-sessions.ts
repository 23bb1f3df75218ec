import { itemKey } from '../../core/item.ts';
import type { ItemState } from '../../core/ports/store.ts';
import { transcriptKind } from '../../kinds/jsonl/transcript.ts';
import { parseProjectName } from '../../kinds/claude-home/session-name.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { machineNames } from '../machine-names.ts';
import { createRecordAuthors } from '../record-author.ts';
import type { TreeSource } from '../tree-sources.ts';
import { summariesOf } from './session-summaries.ts';

export interface SessionEntry {
  /** As `claude --resume` takes it on this machine. */
  readonly id: string;
  readonly space: string;
  readonly project: string;
  readonly title: string | null;
  readonly first_prompt: string | null;
  readonly last_prompt: string | null;
  /** Who wrote to it last. */
  readonly machine: string;
  /** ISO 8601: when it was used last. */
  readonly used: string | null;
  readonly size: number;
  /** The folder to resume it in, on this machine; `null`: none is known. */
  readonly folder: string | null;
  /** Whether its file stands there. */
  readonly here: boolean;
  /** Why not. */
  readonly reason: string | null;
}

export interface ListedSession {
  readonly entry: SessionEntry;
  readonly open: OpenSpace;
  readonly source: TreeSource;
  readonly state: ItemState;
}

/** All sessions of all machines, those used last first. Cost: O(sessions), and the ends of those that changed. */
export async function listSessions(
  node: SatchelNode,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<ListedSession[]> {
  const all: ListedSession[] = [];
  for (const open of node.spaces.values()) {
    const source = open.sources.find(({ projects }) => projects !== null);
    if (source?.projects == null || (await open.replica.head()) === null) continue;
    const states = (await open.replica.list({ kind: transcriptKind.id, prefix: 'projects/' })).filter(isSession);
    const [summaries, names, book, places] = [
      await summariesOf(open, states, onProgress),
      await machineNames(node, open),
      await source.projects.book(),
      await source.projects.places(),
    ];
    const views = await source.workspace.views(['projects']);
    const authors = createRecordAuthors(node, open, names);
    for (const state of states) {
      const { folder: project, session } = parseProjectName(state.item.name) ?? { folder: '', session: '' };
      const local = places.toLocal(state.item.name);
      const view = local.ok ? views.get(itemKey({ kind: state.item.kind, name: local.value })) : undefined;
      const summary = summaries.get(state.item.name) ?? null;
      const { machine, time } = await authors(state.position);
      const here = view !== undefined && view.shown !== null && view.notHere === null;
      const bound = local.ok ? book.folder(parseProjectName(local.value)?.folder ?? '') : undefined;
      const entry: SessionEntry = {
        id: book.localId(session ?? ''),
        space: open.entry.name,
        project,
        title: summary?.title ?? null,
        first_prompt: summary?.firstPrompt ?? null,
        last_prompt: summary?.lastPrompt ?? null,
        machine,
        used: summary?.usedAt == null ? time : new Date(summary.usedAt).toISOString(),
        size: state.content?.size ?? 0,
        folder: bound?.path ?? null,
        here,
        reason: here ? null : local.ok ? (view?.notHere ?? 'it is not put in place yet') : local.error,
      };
      all.push({ entry, open, source, state });
    }
  }
  return all.sort((a, b) => ((a.entry.used ?? '') < (b.entry.used ?? '') ? 1 : -1));
}

function isSession({ item, content }: ItemState): boolean {
  const parts = parseProjectName(item.name);
  return content !== null && parts?.session != null && parts.rest === `${parts.session}.jsonl` && !parts.session.startsWith('agent-');
}
