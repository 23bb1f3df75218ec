import type { Passage } from '../../core/ports/text-index.ts';
import { titleOf } from '../passages/title.ts';
import { readText } from '../read-text.ts';
import { parseMnemeName, projectId } from './names.ts';

type Found = Pick<Passage, 'type' | 'time' | 'title' | 'text'>;
type Entry = Readonly<Record<string, unknown>>;

/** What stands in a file of mneme on its own: entries of the log, of what is to be remembered, of the summary; a note. O(size). */
export function mnemePassages(name: string, body: Uint8Array): Passage[] {
  const parsed = parseMnemeName(name);
  const text = readText(body);
  if (parsed === null || text === null) return [];
  const common = {
    shelf: 'memories',
    project: projectId(parsed.project)?.id ?? null,
    session: null,
    start: 0,
    length: body.length,
    tags: '',
  } as const;
  return foundIn(parsed.file, text).map((found) => ({ ...common, ...found }));
}

function foundIn(file: string, text: string): Found[] {
  if (file === 'log.jsonl') return text.split('\n').flatMap((line) => entryOf(parse(line)));
  const value = parse(text);
  if (file === 'remembered.json') return listOf(value).flatMap(entryOf);
  if (file === 'summary.json') return isObject(value) ? summaryOf(value) : [];
  return entryOf(value).map((found) => ({ ...found, type: 'handoff' }));
}

/** A line of the log, something to be remembered, a note: whatever it says. */
function entryOf(value: unknown): Found[] {
  if (!isObject(value)) return [];
  const { ts, type, ...said } = value;
  const text = textsIn(said).join('\n');
  return text === ''
    ? []
    : [{ type: typeof type === 'string' && type !== '' ? type.toLowerCase() : 'note', time: timeOf(ts), title: '', text }];
}

function summaryOf(summary: Entry): Found[] {
  const entries = (key: string, type: string, title: string, text: string, time: string): Found[] =>
    listOf(summary[key]).flatMap((entry) => {
      if (!isObject(entry)) return [];
      const found = {
        type,
        time: timeOf(entry[time]),
        title: titleOf(textsIn(entry[title]).join(' ')),
        text: textsIn(entry[text]).join('\n'),
      };
      return found.title === '' && found.text === '' ? [] : [found];
    });
  const about = textsIn(summary['projectContext']).join('\n');
  return [
    ...(about === '' ? [] : [{ type: 'summary', time: timeOf(summary['lastUpdated']), title: 'Project context', text: about }]),
    ...entries('keyDecisions', 'decision', 'decision', 'reason', 'date'),
    ...entries('currentState', 'state', 'topic', 'status', 'updatedAt'),
    ...entries('recentWork', 'work', 'title', 'summary', 'date'),
  ];
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.trim() === '' ? [] : [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isObject(value) ? Object.values(value).flatMap(textsIn) : [];
}

function timeOf(value: unknown): number | null {
  const time = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(time) ? null : time;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return null;
    throw error;
  }
}
