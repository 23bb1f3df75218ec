import { recordsBackwards, recordsOf, type SessionRecord } from './session-records.ts';
import { lastTime } from './shown-time.ts';

/** What a list of sessions says of one. */
export interface SessionSummary {
  /** As the user or Claude Code named it; `null`: not named. */
  readonly title: string | null;
  /** What the user said first and last. One line each, cut. */
  readonly firstPrompt: string | null;
  readonly lastPrompt: string | null;
  /** Milliseconds since 1970, of the last record that says its time. */
  readonly usedAt: number | null;
  /** Where it was started, as its records say. */
  readonly cwd: string | null;
}

const LONGEST = 200;

/** `start` and `end` are the two ends of a transcript, and may overlap. */
export function summarize(start: Uint8Array, end: Uint8Array): SessionSummary {
  const summary = {
    title: null as string | null,
    firstPrompt: null as string | null,
    lastPrompt: null as string | null,
    cwd: null as string | null,
  };
  for (const record of recordsOf(start)) {
    summary.cwd ??= textOf(record['cwd']);
    summary.firstPrompt ??= promptOf(record);
    summary.title = titleOf(record) ?? summary.title;
    if (summary.cwd !== null && summary.firstPrompt !== null && summary.title !== null) break;
  }
  let [named, called] = [null as string | null, null as string | null];
  for (const record of recordsBackwards(end)) {
    if (record['type'] === 'custom-title') named ??= titleOf(record);
    else called ??= titleOf(record);
    if (summary.lastPrompt === null)
      summary.lastPrompt = record['type'] === 'last-prompt' ? textOf(record['lastPrompt']) : promptOf(record);
  }
  return { ...summary, title: named ?? called ?? summary.title, usedAt: lastTime(end) };
}

function titleOf(record: SessionRecord): string | null {
  switch (record['type']) {
    case 'custom-title':
      return textOf(record['customTitle']);
    case 'ai-title':
      return textOf(record['aiTitle']);
    case 'summary':
      return textOf(record['summary']);
    default:
      return null;
  }
}

/** What the user typed, in a record that holds it: neither a tool's result nor what Claude Code adds. */
function promptOf(record: SessionRecord): string | null {
  if (record['type'] !== 'user' || record['isMeta'] === true || record['isSidechain'] === true) return null;
  const { message } = record;
  const content = typeof message === 'object' && message !== null && 'content' in message ? message.content : null;
  const blocks: unknown[] = Array.isArray(content) ? content : [{ type: 'text', text: content }];
  for (const block of blocks) {
    if (typeof block !== 'object' || block === null || !('type' in block) || block.type !== 'text' || !('text' in block)) continue;
    const text = textOf(block.text);
    if (text !== null && !text.startsWith('<')) return text;
  }
  return null;
}

/** One line, cut at a character. */
function textOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const line = value.replaceAll(/\s+/g, ' ').trim();
  return line === ''
    ? null
    : Array.from(line.slice(0, LONGEST * 2))
        .slice(0, LONGEST)
        .join('');
}
