import { saidIn, type Said } from '../../kinds/claude-home/transcript-text.ts';
import type { SessionRecord } from '../../kinds/claude-home/session-records.ts';

/** Where a search hit: who said it, and what, on one line around the first word. */
export interface Hit {
  readonly by: Said['by'];
  readonly text: string;
}

export interface Found {
  /** Words of the search that occur somewhere in it. */
  readonly words: ReadonlySet<string>;
  /** What holds most of them, the first of equals; `null` where none does. */
  readonly hit: Hit | null;
}

const NEWLINE = 10;
const BEFORE = 60;
const AFTER = 100;

/**
 * Looks for words, in lower case, in what was said in a transcript, part by part as it is read. Ends early once one
 * message holds all of them. Lines that hold none are not parsed. Cost: O(bytes), some 200 MB a second where little is found.
 */
export async function searchTranscript(parts: AsyncIterable<Uint8Array>, words: readonly string[]): Promise<Found> {
  const search = createSearch(words);
  let rest: Uint8Array = new Uint8Array(0);
  for await (const part of parts) {
    const end = part.lastIndexOf(NEWLINE) + 1;
    if (end > 0) {
      const whole = rest.length === 0 ? part.subarray(0, end) : Buffer.concat([rest, part.subarray(0, end)]);
      if (search.look(textOf(whole))) return search.found();
      rest = part.slice(end);
    } else rest = Buffer.concat([rest, part]);
  }
  // A last line that is still being written is no record yet.
  return search.found();
}

function createSearch(words: readonly string[]) {
  // As they stand in JSON.
  const raw = words.map((word) => JSON.stringify(word).slice(1, -1));
  const found = new Set<string>();
  let best: { readonly said: Said; readonly words: number; readonly first: string } | null = null;

  const isWorthParsing = (line: string): boolean =>
    found.size === words.length
      ? raw.every((word) => line.includes(word))
      : raw.some((word, i) => !found.has(words[i] ?? '') && line.includes(word));

  function lookInto(line: string): boolean {
    const record = parse(line);
    for (const said of record === null ? [] : saidIn(record)) {
      const text = said.text.toLowerCase();
      const here = words.filter((word) => text.includes(word));
      const [first] = here;
      if (first === undefined) continue;
      for (const word of here) found.add(word);
      if (here.length > (best?.words ?? 0)) best = { said, words: here.length, first };
      if (here.length === words.length) return true;
    }
    return false;
  }

  return {
    /** True once nothing better can be found. */
    look(text: string): boolean {
      const lower = text.toLowerCase();
      if (!isWorthParsing(lower)) return false;
      // Lower case may be longer than what it is of: lines are compared, not places.
      for (const line of text.split('\n')) if (line !== '' && isWorthParsing(line.toLowerCase()) && lookInto(line)) return true;
      return false;
    },
    found: (): Found => ({ words: found, hit: best === null ? null : { by: best.said.by, text: around(best.said.text, best.first) } }),
  };
}

function parse(line: string): SessionRecord | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as SessionRecord) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** One line of a text around a word. */
function around(text: string, word: string): string {
  const at = Math.max(0, text.toLowerCase().indexOf(word));
  const from = Math.max(0, at - BEFORE);
  const to = at + word.length + AFTER;
  const cut = Array.from(text.slice(from, to).replaceAll(/[\uD800-\uDBFF]$|^[\uDC00-\uDFFF]/g, '')).join('');
  return `${from > 0 ? '…' : ''}${cut.replaceAll(/\s+/g, ' ').trim()}${to < text.length ? '…' : ''}`;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
