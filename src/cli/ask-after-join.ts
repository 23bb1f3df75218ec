import type { OperationInput, OperationName, OperationOutput } from '../node/operations/table.ts';
import type { CommandContext } from './frame-command.ts';
import { describePending } from './pending.ts';

/** How the command that joined asks its node. */
export type Ask = <N extends OperationName>(name: N, input: OperationInput<N>) => Promise<OperationOutput<N>>;

const TRUST = 'May your other machines put skills, agents, commands and hooks in place here without asking each time? [y/N] ';
const FIRST = 'Go ahead? What changes is copied before. [y/N] ';

/**
 * The questions of a machine that just joined, on a terminal: whether to trust one's own machines, and the first apply
 * onto files of one's own. Without a terminal both wait, and the line that is printed says how to answer.
 */
export async function askAfterJoin(context: CommandContext, ask: Ask, skip: { readonly trust: boolean }): Promise<void> {
  if (!skip.trust && isYes(await context.ask(TRUST))) await ask('answer-pending', { answer: 'approve', trust_own: true });
  const first = (await ask('pending', {})).pending.filter((entry) => entry.type === 'first-apply' && !entry.rejected);
  for (const entry of first) {
    for (const line of describePending(entry, context.style)) context.print(line);
    if (isYes(await context.ask(FIRST))) await ask('answer-pending', { answer: 'approve', ids: [entry.id] });
  }
  const left = (await ask('pending', {})).pending.filter(({ rejected }) => !rejected).length;
  if (left > 0) context.print(`${left} ${left === 1 ? 'thing waits' : 'things wait'} for your answer: satchel pending`);
}

function isYes(answer: string | null): boolean {
  return answer !== null && /^\s*y/i.test(answer);
}
