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
  /** Different secrets that `‹secret 1›` and so on stand for in them. */
  readonly hidden_secrets: number;
}

/**
 * One entry by the beginning of its id, with what would change. What is shown ends up on screens, in pipes and with agents: secrets are
 * hidden in it, unless they are asked for.
 */
export const pendingShowOperation = defineOperation({
  input: z.strictObject({ id: z.string().max(64), secrets: z.boolean().default(false) }),
  async run(node, { id, secrets }): Promise<PendingShowResult> {
    const pending = await findPending(node, await listPending(node), id);
    const { entry } = pending;
    const changes = await pending.change();
    if (secrets) return { entry, changes, hidden_secrets: 0 };
    // The rules load in some 20 ms: not before there is a text to look at.
    const { createSecretMask } = await import('../../redaction/mask-secrets.ts');
    const mask = createSecretMask(pending.secrets === undefined ? null : await pending.secrets());
    const hide = (text: string | null): string | null => (text === null ? null : mask.mask(text));
    const masked = changes.map((change) => ({ ...change, before: hide(change.before), after: hide(change.after) }));
    return { entry, changes: masked, hidden_secrets: mask.count };
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
