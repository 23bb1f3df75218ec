import { decodeRow, type Row, type RowValue } from '../rows/row-body.ts';
import { sessionGroup, tableOfName } from './names.ts';
import { SESSION } from './tables.ts';

/** A row of claude-mem as a person reads it. */
export interface Memory {
  /** An observation's own type (`bugfix`, `discovery` …), `summary`, `prompt` or `session`. Lower case. */
  readonly type: string;
  readonly title: string | null;
  readonly subtitle: string | null;
  /** Texts with what they are, in the order in which they are read; `''`: the main one. */
  readonly parts: readonly { readonly name: string; readonly text: string }[];
  readonly facts: readonly string[];
  readonly concepts: readonly string[];
  readonly filesRead: readonly string[];
  readonly filesChanged: readonly string[];
  readonly project: string | null;
  /** The session's id, as the program that was used calls it. */
  readonly session: string | null;
  /** Milliseconds since 1970. */
  readonly time: number | null;
}

/** `null` for what is no row, or one that nobody reads (a tool's use). O(size). */
export function readMemory(name: string, body: Uint8Array): Memory | null {
  const table = tableOfName(name);
  if (table === null || table === 'tool-uses') return null;
  const decoded = decodeRow(body);
  if (!decoded.ok) return null;
  const row = decoded.value;
  const text = (column: string): string | null => textOf(row.get(column));
  const common = {
    subtitle: null,
    facts: [],
    concepts: [],
    filesRead: listOf(row.get('files_read')),
    filesChanged: [] as string[],
    project: text('merged_into_project') ?? text('project'),
    session: sessionIn(name, row),
    time: numberOf(row.get('created_at_epoch')),
  };
  const parts = (...named: readonly (readonly [string, string])[]): Memory['parts'] =>
    named.flatMap(([title, column]) => {
      const found = text(column);
      return found === null ? [] : [{ name: title, text: found }];
    });
  switch (table) {
    case 'observations':
      return {
        ...common,
        type: text('type')?.toLowerCase() ?? 'observation',
        title: text('title'),
        subtitle: text('subtitle'),
        parts: parts(['', 'narrative'], ['', 'text']),
        facts: listOf(row.get('facts')),
        concepts: listOf(row.get('concepts')),
        filesChanged: listOf(row.get('files_modified')),
      };
    case 'summaries':
      return {
        ...common,
        type: 'summary',
        title: text('request'),
        parts: parts(
          ['Investigated', 'investigated'],
          ['Learned', 'learned'],
          ['Completed', 'completed'],
          ['Next steps', 'next_steps'],
          ['Notes', 'notes'],
        ),
        filesChanged: listOf(row.get('files_edited')),
      };
    case 'prompts':
      return { ...common, type: 'prompt', title: null, parts: parts(['', 'prompt_text']) };
    case 'sessions':
      return { ...common, type: 'session', title: text('custom_title'), parts: [], time: numberOf(row.get('started_at_epoch')) };
  }
}

function sessionIn(name: string, row: Row): string | null {
  const group = sessionGroup(textOf(row.get(SESSION)) ?? name);
  return group === null ? textOf(row.get('content_session_id')) : group.slice(group.indexOf('/') + 1);
}

function textOf(value: RowValue | undefined): string | null {
  if (value === undefined || value instanceof Uint8Array) return null;
  const text = String(value);
  return text.trim() === '' ? null : text;
}

function numberOf(value: RowValue | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? Math.trunc(value) : null;
}

/** claude-mem keeps lists as JSON texts; older releases, and models, wrote others. */
function listOf(value: RowValue | undefined): string[] {
  const text = textOf(value);
  if (text === null) return [];
  try {
    const list: unknown = JSON.parse(text);
    const all = Array.isArray(list) ? list : [list];
    return all
      .flatMap((each: unknown) => (each === null ? [] : [typeof each === 'string' ? each : JSON.stringify(each)]))
      .filter((each) => each.trim() !== '');
  } catch (error) {
    if (error instanceof SyntaxError) return [text];
    throw error;
  }
}
