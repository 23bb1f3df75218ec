import { createReadStream } from 'node:fs';
import type { Content, Piece } from '../../core/content.ts';
import type { ItemState } from '../../core/ports/store.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import { parseProjectName } from '../../kinds/claude-home/session-name.ts';
import { transcriptKind } from '../../kinds/jsonl/transcript.ts';
import type { OpenSpace } from '../node.ts';
import type { ListedSession, SessionEntry } from './list-sessions.ts';
import { searchTranscript, type Found, type Hit } from './search-text.ts';

export interface SessionHit extends SessionEntry {
  /** Where words of the search were said; `null` where they stand in what is listed anyway. */
  readonly hit: Hit | null;
}

export interface SearchResult {
  readonly sessions: readonly SessionHit[];
  /** Sessions whose text cannot be had now: neither here nor from the remote. */
  readonly unsearched: number;
}

/** Bytes read together. */
const PART = 4 * 1024 * 1024;

/**
 * The sessions in which all words occur, in lower case: in what is listed of them, or in what was said there or by their
 * subagents. Texts are read from the files in place, else from the store, which fetches what it has not. Cost: O(bytes of
 * all transcripts that are not found by what is listed); a part of 4 MB and its text in memory.
 */
export async function searchSessions(
  sessions: readonly ListedSession[],
  words: readonly string[],
  onProgress: (done: number, total: number) => void,
): Promise<SearchResult> {
  const agents = await subagentsOf(sessions);
  const textsOf = (session: ListedSession): Text[] => [
    { state: session.state, file: session.file },
    ...(agents.get(keyOf(session)) ?? []).map((state) => ({ state, file: null })),
  ];
  const wanted = sessions.map((session) => ({ session, left: words.filter((word) => !mentions(session.entry, word)) }));
  const sizeOf = (session: ListedSession): number => textsOf(session).reduce((sum, { state }) => sum + (state.content?.size ?? 0), 0);
  const total = wanted.reduce((sum, { session, left }) => sum + (left.length === 0 ? 0 : sizeOf(session)), 0);
  const found: SessionHit[] = [];
  const tried = new Map<OpenSpace, Promise<boolean>>();
  const reach = (open: OpenSpace): Promise<boolean> => {
    const known = tried.get(open) ?? connect(open);
    tried.set(open, known);
    return known;
  };
  let [done, unsearched] = [0, 0];
  for (const { session, left } of wanted) {
    if (left.length === 0) {
      found.push({ ...session.entry, hit: null });
      continue;
    }
    const missing = new Set(left);
    let hit: Hit | null = null;
    try {
      for (const text of textsOf(session)) {
        const before = done;
        const look = (): Promise<Found> => searchOne(session.open, text, [...missing], (bytes) => onProgress(before + bytes, total));
        const result = await look().catch(async (error: unknown) => {
          if (!(error instanceof BodyUnavailable) || error.reason !== 'offline' || !(await reach(session.open))) throw error;
          return look();
        });
        done = before + (text.state.content?.size ?? 0);
        for (const word of result.words) missing.delete(word);
        hit ??= result.hit;
        if (missing.size === 0) break;
      }
    } catch (error) {
      if (!(error instanceof BodyUnavailable)) throw error;
      unsearched += 1;
    }
    if (missing.size === 0) found.push({ ...session.entry, hit });
  }
  return { sessions: found, unsearched };
}

/** A node that does not run has no connection yet. */
async function connect({ runner }: OpenSpace): Promise<boolean> {
  try {
    await runner.connected();
    return true;
  } catch (error) {
    if (error instanceof RemoteError) return false;
    throw error;
  }
}

interface Text {
  readonly state: ItemState;
  /** Where the very same stands on this machine. */
  readonly file: string | null;
}

async function searchOne(
  open: OpenSpace,
  { state, file }: Text,
  words: readonly string[],
  onRead: (bytes: number) => void,
): Promise<Found> {
  if (state.content === null) return { words: new Set(), hit: null };
  if (file !== null) {
    try {
      return await searchTranscript(counting(createReadStream(file, { highWaterMark: PART }), onRead), words);
    } catch (error) {
      // It went just now, or may not be read: the store has it.
      if (!(error instanceof Error) || !('code' in error)) throw error;
    }
  }
  return searchTranscript(counting(partsOf(open, state.content), onRead), words);
}

async function* counting(parts: AsyncIterable<Uint8Array>, onRead: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const part of parts) {
    yield part;
    onRead((read += part.length));
  }
}

async function* partsOf({ replica }: OpenSpace, content: Content): AsyncGenerator<Uint8Array> {
  let [pieces, size]: [Piece[], number] = [[], 0];
  for (const [index, piece] of content.pieces.entries()) {
    pieces.push(piece);
    size += piece.length;
    if (size < PART && index < content.pieces.length - 1) continue;
    yield await replica.bodies.readStart({ ...content, pieces }, Infinity);
    [pieces, size] = [[], 0];
  }
}

/** Transcripts of subagents, by their session. */
async function subagentsOf(sessions: readonly ListedSession[]): Promise<Map<string, ItemState[]>> {
  const found = new Map<string, ItemState[]>();
  for (const open of new Set(sessions.map((session) => session.open))) {
    for (const state of await open.replica.list({ kind: transcriptKind.id, prefix: 'projects/' })) {
      const parts = parseProjectName(state.item.name);
      if (parts?.session == null || !parts.rest.startsWith(`${parts.session}/`)) continue;
      const key = `${open.entry.space} ${parts.folder} ${parts.session}`;
      found.set(key, [...(found.get(key) ?? []), state]);
    }
  }
  return found;
}

function keyOf({ open, state }: ListedSession): string {
  const parts = parseProjectName(state.item.name);
  return `${open.entry.space} ${parts?.folder} ${parts?.session}`;
}

/** Whether a word, in lower case, stands in what is listed of a session. */
function mentions(entry: SessionEntry, word: string): boolean {
  const { id, title, first_prompt: first, last_prompt: last, project, folder, machine } = entry;
  return [id, title, first, last, project, folder, machine].some((text) => text?.toLowerCase().includes(word) === true);
}
