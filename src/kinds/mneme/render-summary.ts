import type { JsonTree } from '../json/tree.ts';
import { parseTree } from '../json/tree.ts';
import { encodeText } from '../read-text.ts';
import { textMember } from './tree-merge.ts';

/** Longer lines of decisions lose words of their reason. */
const DECISION_LINE = 160;

/**
 * `summary.md`, as it follows from `summary.json`: the client's headings and lines, of all entries (it hides old ones by its own
 * clock; the same bytes everywhere need none). `null` for what is no summary. Cost: O(size).
 */
export function renderSummary(summary: Uint8Array): Uint8Array | null {
  const tree = parseTree(summary);
  if (!tree.ok || tree.value.type !== 'object') return null;
  const root = tree.value;
  const updated = Date.parse(textMember(root, 'lastUpdated'));
  const paragraphs = [
    '# Claude Memory Summary',
    ...(Number.isNaN(updated) ? [] : [`*Last updated: ${new Date(updated).toISOString().slice(0, 19).replace('T', ' ')} UTC*`]),
    ...section('Project Context', [textMember(root, 'projectContext')]),
    ...section('Key Decisions', entriesOf(root.members.get('keyDecisions')).map(decisionLine)),
    ...section('Current State', entriesOf(root.members.get('currentState')).map(stateLine)),
    ...section('Recent Work', entriesOf(root.members.get('recentWork')).map(workLine)),
  ];
  return encodeText(`${paragraphs.join('\n\n')}\n`);
}

function section(title: string, lines: readonly string[]): readonly string[] {
  const filled = lines.filter((line) => line !== '');
  return filled.length === 0 ? [] : [`## ${title}\n${filled.join('\n')}`];
}

function decisionLine(entry: JsonTree): string {
  const [decision, reason] = [textMember(entry, 'decision'), textMember(entry, 'reason')];
  const bare = `- **${decision}**`;
  const room = DECISION_LINE - `${bare} — `.length;
  if (reason === '' || decision === '') return decision === '' ? '' : bare;
  if (reason.length <= room) return `${bare} — ${reason}`;
  const cut = reason.slice(0, Math.max(0, room - 3));
  const word = cut.slice(0, Math.max(0, cut.lastIndexOf(' '))).trimEnd();
  return word.length < 20 ? bare : `${bare} — ${word}...`;
}

function stateLine(entry: JsonTree): string {
  const topic = textMember(entry, 'topic');
  return topic === '' ? '' : `- **${topic}**: ${textMember(entry, 'status')}`;
}

function workLine(entry: JsonTree): string {
  const [date, summary] = [textMember(entry, 'date'), textMember(entry, 'summary')];
  return summary === '' ? '' : `- ${date === '' ? '' : `[${date}] `}${summary}`;
}

function entriesOf(tree: JsonTree | undefined): readonly JsonTree[] {
  return tree?.type === 'array' ? tree.items : [];
}
