import { subjectId } from '../../kinds/claude-home/consent-answer.ts';
import type { Withheld } from '../../sources/claude-home/consent-workspace.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { machineNames } from '../machine-names.ts';
import { recordTime } from '../record-times.ts';
import type { TreeSource } from '../tree-sources.ts';
import { changedText } from './changed-text.ts';
import type { Pending, PendingItem } from './pending-entry.ts';

/** What came from other machines and could be executed. */
export async function pendingConsents(node: SatchelNode, open: OpenSpace, { consents }: TreeSource): Promise<Pending[]> {
  if (consents === null) return [];
  const names = await machineNames(node, open);
  const pending: Pending[] = [];
  // A folder of thousands of files came with a few records.
  const times = new Map<number, Promise<string | null>>();
  const timeOf = (position: number): Promise<string | null> => {
    const time = times.get(position) ?? recordTime(node, open, position);
    times.set(position, time);
    return time;
  };
  for (const withheld of await consents.workspace.withheld()) {
    const { subject, standing, verdict } = withheld;
    const authors = withheld.writers.filter((writer) => writer !== null);
    const newest = Math.max(-1, ...standing.map(({ position }) => position));
    pending.push({
      entry: {
        id: subjectId(subject),
        type: 'consent',
        path: subject.path,
        title: subject.path,
        what: withheld.refused ?? whatOf(withheld),
        machines: authors.map((author) => names.get(author) ?? author.slice(0, 8)),
        since: newest < 0 || newest === Number.MAX_SAFE_INTEGER ? null : await timeOf(newest),
        items: itemsOf(withheld),
        rejected: verdict === 'rejected',
      },
      change: () => changedText(consents.workspace, withheld.items),
      approve: () => consents.book.answer([subject], 'approved'),
      reject: () => consents.book.answer([subject], 'rejected'),
      consent: { book: consents.book, subject },
    });
  }
  return pending;
}

function itemsOf({ items }: Withheld): PendingItem[] {
  return items.map(({ item, content, shown }) => ({
    item: item.name,
    change: content === null ? 'removed' : shown === null ? 'new' : 'changed',
    size: content?.size ?? null,
  }));
}

function whatOf({ unit, items }: Withheld): string {
  const count = (change: PendingItem['change']): number => itemsOf({ items } as Withheld).filter((each) => each.change === change).length;
  const parts = (['new', 'changed', 'removed'] as const).flatMap((change) => (count(change) === 0 ? [] : [`${count(change)} ${change}`]));
  return unit.type === 'folder'
    ? `puts the folder in place: ${parts.join(', ')} ${items.length === 1 ? 'file' : 'files'}`
    : `${items[0]?.content === null ? 'removes' : items[0]?.shown === null ? 'adds' : 'changes'} the file`;
}
