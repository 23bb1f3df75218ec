import type { ConsentSubject } from '../../sources/claude-home/consent.ts';
import type { SpaceConsents } from '../consent-book.ts';
import type { SatchelNode } from '../node.ts';
import { OperationFailure } from '../operations/operation.ts';
import { printable } from '../printable.ts';
import { answeredBefore } from './answered-before.ts';
import { listPending } from './list-pending.ts';
import type { Pending, PendingEntry } from './pending-entry.ts';

/** Which entries an answer is for. */
export type Chosen = { readonly ids: readonly string[] } | { readonly all: true } | { readonly type: PendingEntry['type'] };

/** Consents in a commit. */
const AT_ONCE = 400;

/**
 * Answers entries, and puts in place at once what was allowed by it. Throws OperationFailure for an id that nothing has, or more
 * than one entry. Returns what was answered; `onCopy` is told where copies of replaced files lie. Cost: a transaction for some hundreds of consents, and one for each other entry.
 */
export async function answerPending(
  node: SatchelNode,
  answer: 'approve' | 'reject',
  chosen: Chosen,
  onProgress: (done: number, total: number) => void = () => undefined,
  onCopy: (folder: string) => void = () => undefined,
): Promise<PendingEntry[]> {
  const entries = await choose(node, await listPending(node), chosen);
  const byBook = new Map<SpaceConsents, ConsentSubject[]>();
  let done = 0;
  const count = (answered: number): void => onProgress((done += answered), entries.length);
  count(0);
  for (const entry of entries) {
    const { consent } = entry;
    const subjects = consent === undefined ? [] : (byBook.get(consent.book) ?? []);
    if (consent !== undefined) {
      subjects.push(consent.subject);
      byBook.set(consent.book, subjects);
    } else {
      await (answer === 'approve' ? entry.approve(onCopy) : entry.reject(onCopy));
      count(1);
    }
  }
  for (const [book, subjects] of byBook)
    for (let from = 0; from < subjects.length; from += AT_ONCE) {
      const some = subjects.slice(from, from + AT_ONCE);
      await book.answer(some, answer === 'approve' ? 'approved' : 'rejected');
      count(some.length);
    }
  await applyAll(node);
  return entries.map(({ entry }) => entry);
}

/** Whether machines of one's own may put in place here what could be executed, from now on. */
export async function setTrustOwn(node: SatchelNode, trusts: boolean): Promise<void> {
  for (const book of booksOf(node)) await book.setTrustOwn(trusts);
  if (trusts) await applyAll(node);
}

export async function trustsOwn(node: SatchelNode): Promise<boolean> {
  for (const book of booksOf(node)) if (await book.trustsOwn()) return true;
  return false;
}

/** The one entry whose id begins so. Throws OperationFailure, with who answered it where that was done. */
export async function findPending(node: SatchelNode, all: readonly Pending[], id: string): Promise<Pending> {
  const [found, ...more] = all.filter(({ entry }) => id.length >= 4 && entry.id.startsWith(id.toLowerCase()));
  const before = found === undefined ? await answeredBefore(node, id) : null;
  if (before !== null)
    throw new OperationFailure('usage', 'answered-before', `nothing of that id waits any more: ${before}`, 'What waits: satchel pending');
  if (found === undefined)
    throw new OperationFailure('usage', 'no-such-entry', `nothing of that id waits: ${printable(id)}`, 'Run: satchel pending');
  if (more.length > 0)
    throw new OperationFailure('usage', 'ambiguous-entry', `more than one entry begins with ${printable(id)}`, 'Use more characters');
  return found;
}

async function choose(node: SatchelNode, all: readonly Pending[], chosen: Chosen): Promise<Pending[]> {
  if ('all' in chosen) return all.filter(({ entry }) => !entry.rejected);
  if ('type' in chosen) return all.filter(({ entry }) => entry.type === chosen.type && !entry.rejected);
  return [...new Set(await Promise.all(chosen.ids.map((id) => findPending(node, all, id))))];
}

async function applyAll(node: SatchelNode): Promise<void> {
  for (const { sources, rows } of node.spaces.values()) for (const { source } of [...sources, ...rows]) await source.apply();
}

function booksOf(node: SatchelNode): SpaceConsents[] {
  return [...node.spaces.values()].flatMap(({ sources }) => sources.flatMap(({ consents }) => (consents === null ? [] : [consents.book])));
}
