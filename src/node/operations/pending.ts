import { z } from 'zod';
import { missingEverywhere, type MissingHere } from '../missing-here.ts';
import { answerPending, findPending, setTrustOwn, trustsOwn } from '../pending/answer-pending.ts';
import { listPending } from '../pending/list-pending.ts';
import type { PendingChange, PendingEntry } from '../pending/pending-entry.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface PendingResult {
  /** Rejected ones included. */
  readonly pending: readonly PendingEntry[];
  /** What this machine's own other machines write is put in place unasked. */
  readonly trust_own: boolean;
  /** What is not whole here for want of a secret value. */
  readonly missing_values: readonly MissingHere[];
}

export const pendingOperation = defineOperation({
  input: noInput,
  async run(node): Promise<PendingResult> {
    return {
      pending: (await listPending(node)).map(({ entry }) => entry),
      trust_own: await trustsOwn(node),
      missing_values: await missingEverywhere(node),
    };
  },
});

export interface PendingShowResult {
  readonly entry: PendingEntry;
  /** At most a hundred. */
  readonly changes: readonly PendingChange[];
}

/** One entry by the beginning of its id, with what would change. */
export const pendingShowOperation = defineOperation({
  input: z.strictObject({ id: z.string().max(64) }),
  async run(node, { id }): Promise<PendingShowResult> {
    const pending = await findPending(node, await listPending(node), id);
    return { entry: pending.entry, changes: await pending.change() };
  },
});

export interface AnswerResult {
  readonly answered: readonly PendingEntry[];
  /** Entries that are still without an answer. */
  readonly left: number;
  readonly trust_own: boolean;
  /** What is not whole here for want of a secret value, now. */
  readonly missing_values: readonly MissingHere[];
  /** Folders with a copy of what a first apply changed here. */
  readonly copies: readonly string[];
  /** Open ones, in all spaces, now. */
  readonly conflicts: number;
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
  async run(node, { answer, ids, all, trust_own: trusts }, { progress }): Promise<AnswerResult> {
    if (all && ids.length > 0) throw new OperationFailure('usage', 'usage', 'give either ids or all, not both', 'Run: satchel pending');
    if (trusts !== undefined) await setTrustOwn(node, trusts);
    const copies: string[] = [];
    const count = (done: number, total: number): void => progress(done, total, 'answers');
    const answered = await answerPending(node, answer, all ? { all } : { ids }, count, (folder) => copies.push(folder));
    const left = (await listPending(node)).filter(({ entry }) => !entry.rejected);
    let conflicts = 0;
    for (const { replica } of node.spaces.values()) conflicts += (await replica.siblings()).length;
    const now = { trust_own: await trustsOwn(node), missing_values: await missingEverywhere(node) };
    return { answered, left: left.length, ...now, copies, conflicts };
  },
});
