import { subjectId } from '../../kinds/claude-home/consent-answer.ts';
import type { FormPart } from '../../kinds/claude-home/form.ts';
import { partSubject } from '../claude-forms.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { machineNames } from '../operations/status.ts';
import { partAuthors } from '../part-authors.ts';
import { recordTime } from '../record-times.ts';
import type { TreeSource } from '../tree-sources.ts';
import type { Pending } from './pending-entry.ts';

/** Parts of settings and the like that came from other machines and could make something execute. */
export async function pendingForms(node: SatchelNode, open: OpenSpace, source: TreeSource): Promise<Pending[]> {
  const { forms, consents } = source;
  if (forms === null || consents === null) return [];
  const { book } = consents;
  const names = await machineNames(node, open);
  const pending: Pending[] = [];
  for (const { item, held } of await forms.inspect()) {
    if (held.length === 0) continue;
    const [standing] = await book.standing({ items: [item] });
    const authorsOf = await partAuthors(open.replica, book, item);
    const since =
      standing === undefined || standing.position === Number.MAX_SAFE_INTEGER ? null : await recordTime(node, open, standing.position);
    for (const part of held) {
      const subject = partSubject(part);
      const authors = authorsOf(part);
      pending.push({
        entry: {
          id: subjectId(subject),
          type: 'consent',
          path: subject.path,
          what: whatOf(part),
          machines: authors.flatMap((author) => (author === null ? [] : [names.get(author) ?? author.slice(0, 8)])),
          since,
          items: [
            {
              item: item.name,
              change: part.wanted === null ? 'removed' : part.applied === null ? 'new' : 'changed',
              size: part.wanted === null ? null : Buffer.byteLength(part.wanted),
            },
          ],
          rejected: book.judge(subject, authors) === 'rejected',
        },
        change: () => Promise.resolve([{ item: subject.path, before: pretty(part.applied), after: pretty(part.wanted), unshown: null }]),
        approve: () => book.answer([subject], 'approved'),
        reject: () => book.answer([subject], 'rejected'),
      });
    }
  }
  return pending;
}

/** Line by line, for a diff. */
function pretty(canonical: string | null): string | null {
  return canonical === null ? null : `${JSON.stringify(JSON.parse(canonical), null, 2)}\n`;
}

const LONGEST = 160;

function whatOf({ wanted, applied }: FormPart): string {
  const cut = (canonical: string): string => {
    const text = JSON.stringify(JSON.parse(canonical)); // numbers as people write them
    return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
  };
  if (wanted === null) return `removes ${cut(applied ?? 'null')}`;
  return applied === null ? `adds ${cut(wanted)}` : `changes it to ${cut(wanted)}`;
}
