import { counted } from '../node/counted.ts';
import type { OperationOutput } from '../node/operations/table.ts';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult, type LeafSpec } from './frame-command.ts';
import { missingLines } from './missing-lines.ts';
import { printable } from './output-style.ts';

/** `approve` and `reject` are one command with two answers. */
export function answerCommand(spec: {
  readonly answer: 'approve' | 'reject';
  readonly summary: string;
  readonly done: string;
  readonly trustOwn: { readonly summary: string; readonly value: boolean };
  readonly notes?: string;
  readonly examples: readonly [string, ...string[]];
}): LeafSpec {
  return defineCommand({
    summary: spec.summary,
    arguments: { id: { summary: 'as `satchel pending` shows it, or its beginning', variadic: true } },
    options: {
      all: { type: 'flag', summary: 'everything that waits, instead of ids' },
      trustOwn: { type: 'flag', summary: spec.trustOwn.summary },
    },
    examples: spec.examples,
    notes:
      (spec.notes ?? '') +
      'What a first apply changes of your own files is copied before, and it says where to.\nThe answer is for exactly the content that was listed, and holds on all of your machines.\nExit 3 where something is left without an answer. JSON: {answered: [entry], left, trust_own, missing_values: [{title, values, in_place, waiting, pointer, under, example, file}], copies: [folder], conflicts}.',
    async run(context): Promise<CommandResult> {
      const { all, trustOwn } = context.options;
      const ids = [...context.args.id];
      if (ids.length === 0 && !all && !trustOwn)
        throw new CommandFailure(EXIT.usage, 'usage', 'say which, or --all', { next: 'What waits: satchel pending' });
      if (ids.length > 0 && all)
        throw new CommandFailure(EXIT.usage, 'usage', 'give either ids or --all, not both', { next: 'What waits: satchel pending' });
      const result = await askNode(context, 'answer-pending', {
        answer: spec.answer,
        ids,
        all,
        ...(trustOwn ? { trust_own: spec.trustOwn.value } : {}),
      });
      const lines = result.answered.map(({ title }) => `${spec.done}: ${printable(title)}`);
      if (trustOwn)
        lines.push(
          result.trust_own
            ? 'What your own machines write is put in place unasked now.'
            : 'You are asked about your own machines’ writes now.',
        );
      if (lines.length === 0) lines.push('Nothing waits.');
      lines.push(...firstApplyLines(context, result));
      if (spec.answer === 'approve') lines.push(...missingLines(result.missing_values));
      if (result.left > 0)
        lines.push(`${result.left} still ${result.left === 1 ? 'waits' : 'wait'}. ${context.asCalled('Run: satchel pending')}`);
      return { human: lines.join('\n'), json: result, exit: result.left > 0 ? EXIT.open : EXIT.ok };
    },
  });
}

/** Where the copy of one's own files lies that a first apply changed, and what it left open. */
export function firstApplyLines(
  context: Pick<CommandContext, 'asCalled'>,
  { answered, copies, conflicts }: OperationOutput<'answer-pending'>,
): string[] {
  return copyLines(context, { copies, conflicts: answered.some(({ type }) => type === 'first-apply') ? conflicts : 0 });
}

/** The same, of what was answered without a question. */
export function copyLines(
  { asCalled }: Pick<CommandContext, 'asCalled'>,
  { copies, conflicts }: Pick<OperationOutput<'answer-pending'>, 'copies' | 'conflicts'>,
): string[] {
  const lines = copies.map((folder) => `A copy of what changed here is in ${printable(folder)}`);
  if (conflicts > 0)
    lines.push(
      asCalled(`${counted(conflicts, 'conflict is', 'conflicts are')} open: the other versions are kept beside. Run: satchel conflicts`),
    );
  return lines;
}
