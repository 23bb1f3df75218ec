import type { Item } from '../../core/item.ts';
import { subjectId } from '../../kinds/claude-home/consent-answer.ts';
import type { FormPart } from '../../kinds/claude-home/form.ts';
import { partTitle, shownText } from '../../kinds/claude-home/part-words.ts';
import type { MachinePaths } from '../../kinds/claude-home/path-tokens.ts';
import { partSubject } from '../claude-forms.ts';
import type { SpaceConsents } from '../consent-book.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { machineNames } from '../machine-names.ts';
import { partAuthors, partWriters, type PartAuthors } from '../part-authors.ts';
import { recordTime } from '../record-times.ts';
import type { TreeSource } from '../tree-sources.ts';
import type { Pending } from './pending-entry.ts';

/** Parts of settings and the like that came from other machines and could make something execute. */
export async function pendingForms(node: SatchelNode, open: OpenSpace, source: TreeSource): Promise<Pending[]> {
  const { forms, consents } = source;
  if (forms === null || consents === null) return [];
  const { book } = consents;
  const { userHome: home, claudeHome } = node.config.environment;
  const paths: MachinePaths = { home, claudeHome };
  const names = await machineNames(node, open);
  const pending: Pending[] = [];
  for (const { item, held } of await forms.inspect()) {
    if (held.length === 0) continue;
    const [standing] = await book.standing({ items: [item] });
    const authorsOf = await partAuthors(open.replica, book, item);
    const namesOf = await authorNames(open, book, item, names);
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
          title: partTitle(part.name, part.pointer, valueOf(part.wanted ?? part.applied), paths),
          what: whatOf(part, paths),
          machines: namesOf(part, authors),
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
        change: () =>
          Promise.resolve([{ item: subject.path, before: pretty(part.applied, paths), after: pretty(part.wanted, paths), unshown: null }]),
        approve: () => book.answer([subject], 'approved'),
        reject: () => book.answer([subject], 'rejected'),
        consent: { book, subject },
      });
    }
  }
  return pending;
}

/** What this machine merged came from others: they are named, not it. */
async function authorNames(
  { replica }: OpenSpace,
  book: SpaceConsents,
  item: Item,
  names: ReadonlyMap<string, string>,
): Promise<(part: FormPart, authors: ReturnType<PartAuthors>) => string[]> {
  const [standing] = await book.standing({ items: [item] });
  const writersOf = standing?.author === replica.machine ? await partWriters(replica, book, item) : null;
  return (part, authors) => {
    const others = writersOf?.(part).filter((writer) => writer !== replica.machine) ?? [];
    const known = (others.length > 0 ? others : authors).filter((author) => author !== null);
    return known.map((author) => names.get(author) ?? author.slice(0, 8));
  };
}

/** Line by line, for a diff. */
function pretty(canonical: string | null, paths: MachinePaths): string | null {
  return canonical === null ? null : `${shownText(JSON.stringify(JSON.parse(canonical), null, 2), paths)}\n`;
}

function valueOf(canonical: string | null): unknown {
  return canonical === null ? null : JSON.parse(canonical);
}

const LONGEST = 160;

function whatOf({ wanted, applied }: FormPart, paths: MachinePaths): string {
  const cut = (canonical: string): string => {
    const text = shownText(JSON.stringify(JSON.parse(canonical)), paths); // numbers as people write them
    return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
  };
  if (wanted === null) return `removes ${cut(applied ?? 'null')}`;
  return applied === null ? `adds ${cut(wanted)}` : `changes it to ${cut(wanted)}`;
}
