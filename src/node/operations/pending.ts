import { z } from 'zod';
import type { SatchelNode } from '../node.ts';
import type { Pending, PendingEntry } from '../pending/pending-entry.ts';
import { listPending } from '../pending/list-pending.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface PendingResult {
  /** Rejected ones included. */
  readonly pending: readonly PendingEntry[];
  /** What this machine's own other machines write is put in place unasked. */
  readonly trust_own: boolean;
}

export const pendingOperation = defineOperation({
  input: z.strictObject({}),
  async run(node): Promise<PendingResult> {
    return { pending: (await listPending(node)).map(({ entry }) => entry), trust_own: await trustsOwn(node) };
  },
});

export interface AnswerResult {
  readonly answered: readonly PendingEntry[];
  /** Entries that are still without an answer. */
  readonly left: number;
  readonly trust_own: boolean;
}

/**
 * Answers entries, by the beginnings of their ids, or all that have no answer yet. What was approved is put in place
 * before it resolves. `trust_own` changes whether there are questions about one's own machines at all.
 */
export const answerPendingOperation = defineOperation({
  input: z.strictObject({
    answer: z.enum(['approve', 'reject']),
    ids: z.array(z.string().max(64)).max(10_000).default([]),
    all: z.boolean().default(false),
    trust_own: z.boolean().optional(),
  }),
  async run(node, { answer, ids, all, trust_own: trustOwn }): Promise<AnswerResult> {
    if (trustOwn !== undefined) for (const book of booksOf(node)) await book.setTrustOwn(trustOwn);
    if (trustOwn === true) await applyAll(node);
    const chosen = choose(await listPending(node), ids, all);
    for (const pending of chosen) await (answer === 'approve' ? pending.approve() : pending.reject());
    await applyAll(node);
    const left = (await listPending(node)).filter(({ entry }) => !entry.rejected);
    return { answered: chosen.map(({ entry }) => entry), left: left.length, trust_own: await trustsOwn(node) };
  },
});

function choose(all: readonly Pending[], ids: readonly string[], everything: boolean): Pending[] {
  if (everything) return all.filter(({ entry }) => !entry.rejected);
  const chosen = new Set<Pending>();
  for (const id of ids) {
    const found = all.filter(({ entry }) => id.length >= 4 && entry.id.startsWith(id.toLowerCase()));
    if (found.length === 0) throw new OperationFailure('usage', 'no-such-entry', `nothing of that id waits: ${id}`, 'Run: satchel pending');
    if (found.length > 1)
      throw new OperationFailure('usage', 'ambiguous-entry', `more than one entry begins with ${id}`, 'Use more characters');
    for (const pending of found) chosen.add(pending);
  }
  return [...chosen];
}

async function applyAll(node: SatchelNode): Promise<void> {
  for (const { sources } of node.spaces.values()) for (const { source } of sources) await source.apply();
}

function booksOf(node: SatchelNode) {
  return [...node.spaces.values()].flatMap(({ sources }) => sources.flatMap(({ consents }) => (consents === null ? [] : [consents.book])));
}

async function trustsOwn(node: SatchelNode): Promise<boolean> {
  for (const book of booksOf(node)) if (await book.trustsOwn()) return true;
  return false;
}
