import type { SpaceId } from '../../core/ids.ts';
import type { FoundPassage, IndexHits, SearchTerm, TextIndex } from '../../core/ports/text-index.ts';
import { parseProjectName } from '../../kinds/claude-home/session-name.ts';
import { transcriptKind } from '../../kinds/jsonl/transcript.ts';
import type { SatchelNode } from '../node.ts';
import type { OperationContext } from '../operations/operation.ts';
import { passageText } from '../recall/passage-text.ts';
import { snippetOf } from '../recall/snippet.ts';
import { withWordsAlike } from '../recall/words-alike.ts';
import { useIndex } from '../recall/use-index.ts';
import type { ListedSession, SessionEntry } from './list-sessions.ts';

/** Where a search hit: who said it, and what, on one line around the words. */
export interface Hit {
  readonly by: string;
  readonly text: string;
}

export interface SessionHit extends SessionEntry {
  /** Where words of the search were said; `null` where they stand in what is listed anyway. */
  readonly hit: Hit | null;
}

export interface SearchResult {
  /** So many as were wanted. */
  readonly sessions: readonly SessionHit[];
  /** How many match. */
  readonly total: number;
  /** Sessions whose text cannot be had now: neither here nor from the remote. */
  readonly unsearched: number;
}

/**
 * The sessions in which all words occur, in lower case: in what is listed of them, or in what was said there or by their subagents, as the
 * index of `search` has it. Cost: O(what was said since the last search) + O(passages that hold the words).
 */
export async function searchSessions(
  node: SatchelNode,
  sessions: readonly ListedSession[],
  words: readonly string[],
  limit: number,
  context: OperationContext,
): Promise<SearchResult> {
  if (words.length === 0)
    return { sessions: sessions.slice(0, limit).map(({ entry }) => ({ ...entry, hit: null })), total: sessions.length, unsearched: 0 };
  return useIndex(node, context, async (index) => {
    const said = new Map<string, ReadonlySet<string>>();
    const terms = await withWordsAlike(index, words.map(termOf));
    for (const term of terms) said.set(term.text, new Set((await find(index, [term])).map(keyOf)));
    const best = new Map((await find(index, terms)).map((hit) => [keyOf(hit), hit]));
    let total = 0;
    const found: SessionHit[] = [];
    for (const session of sessions) {
      const key = keyOf({ space: session.open.entry.space, item: session.state.item });
      const left = words.filter((word) => !mentions(session.entry, word));
      if (!left.every((word) => said.get(word)?.has(key))) continue;
      total += 1;
      if (total > limit) continue;
      const hit = left.length === 0 ? undefined : best.get(key);
      found.push({ ...session.entry, hit: hit === undefined ? null : await describe(session, hit, terms) });
    }
    const missing = new Set<string>();
    for (const space of node.spaces.keys())
      for (const { item, digest } of await index.unsettled(space))
        if (digest === null && item.kind === transcriptKind.id) missing.add(keyOf({ space, item }));
    return { sessions: found, total, unsearched: missing.size };
  });
}

/** All groups that there are. */
const NO_LIMIT = 1_000_000;

async function find(index: TextIndex, terms: readonly SearchTerm[]): Promise<IndexHits['hits']> {
  return (await index.search(terms, { match: 'some', filter: { shelves: ['sessions'] }, limit: NO_LIMIT })).hits;
}

async function describe({ open }: ListedSession, hit: FoundPassage, terms: readonly SearchTerm[]): Promise<Hit> {
  const text = await passageText(open, hit, terms);
  return { by: hit.type, text: text === null ? '' : snippetOf(text, terms).text };
}

function termOf(text: string): SearchTerm {
  return { text, isPhrase: false };
}

/** A session with its subagents. */
function keyOf({ space, item }: { readonly space: SpaceId; readonly item: FoundPassage['item'] }): string {
  const parts = parseProjectName(item.name);
  return `${space} ${parts?.folder} ${parts?.session}`;
}

/** Whether a word, in lower case, stands in what is listed of a session. */
function mentions(entry: SessionEntry, word: string): boolean {
  const { id, title, first_prompt: first, last_prompt: last, project, folder, machine } = entry;
  return [id, title, first, last, project, folder, machine].some((text) => text?.toLowerCase().includes(word) === true);
}
