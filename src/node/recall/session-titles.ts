import type { FoundPassage } from '../../core/ports/text-index.ts';
import { itemKey, type Item } from '../../core/item.ts';
import { parseProjectName } from '../../kinds/claude-home/session-name.ts';
import { transcriptKind } from '../../kinds/jsonl/transcript.ts';
import type { OpenSpace } from '../node.ts';
import { summariesOf } from '../sessions/session-summaries.ts';

/** What sessions that were found are called, by the key of the item that was found: of a subagent, its session. O(sessions that are kept). */
export async function sessionTitles(open: OpenSpace, found: readonly FoundPassage[]): Promise<Map<string, string>> {
  const main = new Map<string, Item>();
  for (const { item, shelf } of found) {
    const parts = shelf === 'sessions' ? parseProjectName(item.name) : null;
    if (parts?.session != null)
      main.set(itemKey(item), { kind: transcriptKind.id, name: `projects/${parts.folder}/${parts.session}.jsonl` });
  }
  if (main.size === 0) return new Map();
  const states = [...(await open.replica.visible([...main.values()])).values()];
  const summaries = await summariesOf(open, states, () => undefined);
  const titles = new Map<string, string>();
  for (const [key, { name }] of main) {
    const summary = summaries.get(name);
    const title = summary?.title ?? summary?.firstPrompt ?? null;
    if (title !== null) titles.set(key, title);
  }
  return titles;
}
