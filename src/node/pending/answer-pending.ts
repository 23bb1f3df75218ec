import type { SpaceConsents } from '../consent-book.ts';
import type { SatchelNode } from '../node.ts';
import { OperationFailure } from '../operations/operation.ts';
import { listPending } from './list-pending.ts';
import type { Pending, PendingEntry } from './pending-entry.ts';

/** Which entries an answer is for. */
export type Chosen = { readonly ids: readonly string[] } | { readonly all: true } | { readonly type: PendingEntry['type'] };

/**
 * Answers entries, and puts in place at once what was allowed by it. Throws OperationFailure for an id that nothing has, or more
 * than one entry. Returns what was answered.
 */
export async function answerPending(node: SatchelNode, answer: 'approve' | 'reject', chosen: Chosen): Promise<PendingEntry[]> {
  const entries = choose(await listPending(node), chosen);
  for (const pending of entries) await (answer === 'approve' ? pending.approve() : pending.reject());
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

/** The one entry whose id begins so. Throws OperationFailure. */
export function findPending(all: readonly Pending[], id: string): Pending {
  const [found, ...more] = all.filter(({ entry }) => id.length >= 4 && entry.id.startsWith(id.toLowerCase()));
  if (found === undefined) throw new OperationFailure('usage', 'no-such-entry', `nothing of that id waits: ${id}`, 'Run: satchel pending');
  if (more.length > 0)
    throw new OperationFailure('usage', 'ambiguous-entry', `more than one entry begins with ${id}`, 'Use more characters');
  return found;
}

function choose(all: readonly Pending[], chosen: Chosen): Pending[] {
  if ('all' in chosen) return all.filter(({ entry }) => !entry.rejected);
  if ('type' in chosen) return all.filter(({ entry }) => entry.type === chosen.type && !entry.rejected);
  return [...new Set(chosen.ids.map((id) => findPending(all, id)))];
}

async function applyAll(node: SatchelNode): Promise<void> {
  for (const { sources, rows } of node.spaces.values()) for (const { source } of [...sources, ...rows]) await source.apply();
}

function booksOf(node: SatchelNode): SpaceConsents[] {
  return [...node.spaces.values()].flatMap(({ sources }) => sources.flatMap(({ consents }) => (consents === null ? [] : [consents.book])));
}
